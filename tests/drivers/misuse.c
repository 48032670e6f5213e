/* What a C program may do wrong is an error code, and nothing worse. Exits with 0 if all of it is. */

#include <stdio.h>
#include <string.h>

#include "sansocket.h"

static int failed = 0;

#define IS(expected, call)                                                  \
  do {                                                                      \
    int result = (call);                                                    \
    if (result != (expected)) {                                             \
      printf("line %d: %s is %d, not %d\n", __LINE__, #call, result, expected); \
      failed = 1;                                                           \
    }                                                                       \
  } while (0)

static const char request[] =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

int main(void) {
  const uint8_t *head = (const uint8_t *)request;
  const size_t len = sizeof request - 1;
  static sansocket ws;
  static sansocket_response response;
  static sansocket_event event;
  uint8_t frame[SANSOCKET_MAX_CONTROL], header[SANSOCKET_MAX_HEADER], many[126] = {0};
  uint8_t bytes[] = "\x81\x85\0\0\0\0hello\x89\x80\0\0\0\0\x83\x80\0\0\0\0", *input = bytes;
  size_t left = sizeof bytes - 1;

  /* Never initialised. */
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, head, len, &response));
  IS(SANSOCKET_MISUSE, sansocket_receive(&ws, &input, &left, &event));
  IS(SANSOCKET_MISUSE, sansocket_is_closed(&ws));
  /* Null and misaligned. */
  IS(SANSOCKET_MISUSE, sansocket_init(NULL, 1));
  IS(SANSOCKET_MISUSE, sansocket_init((sansocket *)((char *)&ws + 1), 1));
  IS(0, sansocket_init(&ws, 1000));
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, NULL, len, &response));
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, head, (size_t)-1, &response));
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, head, len, NULL));
  /* Out of turn. */
  IS(SANSOCKET_MISUSE, sansocket_receive(&ws, &input, &left, &event));
  IS(SANSOCKET_MISUSE, sansocket_ping(&ws, NULL, 0, frame));

  IS(SANSOCKET_WAIT, sansocket_accept(&ws, head, 10, &response));
  IS(SANSOCKET_OPEN, sansocket_accept(&ws, head, len, &response));
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, head, len, &response));
  IS(1, response.head_len == len && response.len > 100 && response.len < sizeof response.bytes);
  IS(0, memcmp(response.bytes, "HTTP/1.1 101 ", 13));

  IS(SANSOCKET_MISUSE, sansocket_receive(&ws, NULL, &left, &event));
  IS(SANSOCKET_MISUSE, sansocket_receive(&ws, &input, &left, NULL));
  IS(SANSOCKET_DATA, sansocket_receive(&ws, &input, &left, &event));
  IS(SANSOCKET_TEXT | SANSOCKET_LAST, event.flags);
  IS(0, event.len != 5 || memcmp(event.payload, "hello", 5));
  IS(2, sansocket_send(&ws, event.flags, event.payload, event.len, header));
  IS(0, memcmp(header, "\x81\x05", 2));
  IS(SANSOCKET_MISUSE, sansocket_send(&ws, SANSOCKET_COMPRESSED, event.payload, event.len, header));
  /* In two pieces, and nothing in between: the input says how far it is used up. */
  IS(1, input == bytes + 11 && left == sizeof bytes - 1 - 11);
  left = 3;
  IS(SANSOCKET_NONE, sansocket_receive(&ws, &input, &left, &event));
  IS(1, input == bytes + 14 && left == 0);
  IS(SANSOCKET_NONE, sansocket_receive(&ws, &input, &left, &event));
  IS(1, input == bytes + 14 && left == 0);
  left = sizeof bytes - 1 - 14;
  IS(SANSOCKET_PING, sansocket_receive(&ws, &input, &left, &event));
  IS(0, (int)event.len);
  IS(1, input == bytes + 17 && left == sizeof bytes - 1 - 17);
  IS(SANSOCKET_MISUSE, sansocket_pong(&ws, many, sizeof many, frame));
  IS(SANSOCKET_MISUSE, sansocket_pong(&ws, NULL, 1, frame));
  IS(2, sansocket_pong(&ws, NULL, 0, frame));

  /* The peer's fault, told once and repeated. */
  IS(-1002, sansocket_receive(&ws, &input, &left, &event));
  IS(-1002, sansocket_receive(&ws, &input, &left, &event));
  IS(SANSOCKET_MISUSE, sansocket_close(&ws, 1005, NULL, 0, frame));
  IS(SANSOCKET_MISUSE, sansocket_close(&ws, 1000, (const uint8_t *)"\xff", 1, frame));
  IS(SANSOCKET_MISUSE, sansocket_close(&ws, 1000, many, 124, frame));
  IS(4, sansocket_close(&ws, 1002, NULL, 0, frame));
  IS(0, sansocket_close(&ws, 1002, NULL, 0, frame));
  IS(SANSOCKET_SENT_CLOSE, sansocket_send(&ws, 0, many, 1, header));
  IS(0, sansocket_is_closed(&ws));
  IS(SANSOCKET_MISUSE, sansocket_mask(NULL, 1, many));
  IS(0, sansocket_mask(many, 3, (const uint8_t *)"abcd"));
  IS(0, memcmp(many, "abc\0", 4));
  return failed;
}
