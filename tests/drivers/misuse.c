/* What a C program may do wrong is an error code, and nothing worse. Exits with 0 if all of it is. */

#include <stdio.h>
#include <string.h>

#include "sansocket.h"

static int failed = 0;

#define IS(expected, call)                                                  \
  do {                                                                      \
    int is_ = (call);                                                       \
    if (is_ != (expected)) {                                                \
      printf("line %d: %s is %d, not %d\n", __LINE__, #call, is_, expected);    \
      failed = 1;                                                           \
    }                                                                       \
  } while (0)

#define REQUEST                                                                     \
  "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"    \
  "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
static const char request_bytes[] =
    "GET /room?n=1 HTTP/1.1\r\nOrigin: https://a.example\r\nX: 1\r\nX: 2\r\n" REQUEST "\r\n";
static const char too_short[] = "GET / HTTP/1.1\r\n" "Host: localhost\r\n\r\n";
static const char other_version[] =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n";

/* All that is written to begins as something else, so that what is read of it shows. */
static sansocket ws;
static sansocket_request request;
static sansocket_event event;
static sansocket_text value;
static uint8_t response[SANSOCKET_MAX_RESPONSE], frame[SANSOCKET_MAX_CONTROL], header[SANSOCKET_MAX_HEADER];
static uint8_t many[600];
static int wait_ms;

static const uint8_t *bytes(const char *text) { return (const uint8_t *)text; }

/* The request is awaited. */
static void begin(const sansocket_config *config) {
  memset(&request, 0xAA, sizeof request);
  IS(0, sansocket_init(&ws, config));
}

/* The connection is open. */
static void open_it(const sansocket_config *config, int flags) {
  const int len = sizeof request_bytes - 1;
  begin(config);
  IS(len, sansocket_read_request(&ws, bytes(request_bytes), len, &request));
  IS(1, sansocket_accept(&ws, &request, flags, NULL, response) > 100);
}

static void memory(void) {
  const size_t sizes[] = {sizeof ws, sizeof(sansocket_config), sizeof request, sizeof event};
  uint8_t *input = many;
  size_t left = 1;
  /* Never initialised. */
  IS(SANSOCKET_MISUSE, sansocket_read_request(&ws, many, 1, &request));
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, &request, 0, NULL, response));
  IS(SANSOCKET_MISUSE, sansocket_refuse(&ws, 404, NULL, 0, response));
  IS(SANSOCKET_MISUSE, sansocket_receive(&ws, &input, &left, &event));
  IS(SANSOCKET_MISUSE, sansocket_is_closed(&ws));
  IS(SANSOCKET_MISUSE, sansocket_on_timeout(&ws, 0, frame, &wait_ms));
  /* Null, misaligned, of another size. */
  IS(SANSOCKET_MISUSE, sansocket_init(NULL, NULL));
  IS(SANSOCKET_MISUSE, sansocket_init((sansocket *)((char *)&ws + 1), NULL));
  IS(SANSOCKET_MISUSE, sansocket_init(&ws, (const sansocket_config *)((char *)&ws + 1)));
  for (int wrong = 0; wrong <= 4; wrong++) {
    size_t s[4];
    for (int i = 0; i < 4; i++) s[i] = sizes[i] - (i == wrong ? 8 : 0);
    IS(wrong < 4 ? SANSOCKET_MISUSE : 0, sansocket_init_sized(&ws, NULL, s[0], s[1], s[2], s[3]));
  }
}

static void handshake(void) {
  const uint8_t *head = bytes(request_bytes);
  const int len = sizeof request_bytes - 1;
  sansocket_config small = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  uint8_t *input = many;
  size_t left = 1;

  begin(NULL);
  IS(SANSOCKET_MISUSE, sansocket_read_request(NULL, head, len, &request));
  IS(SANSOCKET_MISUSE, sansocket_read_request(&ws, NULL, len, &request));
  IS(SANSOCKET_MISUSE, sansocket_read_request(&ws, head, (size_t)-1, &request));
  IS(SANSOCKET_MISUSE, sansocket_read_request(&ws, head, len, NULL));
  /* In pieces, and of no bytes. Nothing is known before it is whole, and fewer bytes than before are no
   * pieces of it. */
  IS(0, sansocket_read_request(&ws, NULL, 0, &request));
  IS(0, sansocket_read_request(&ws, head, len - 1, &request));
  IS(1, request.head.bytes == NULL && request.path.bytes == NULL && request.origin.bytes == NULL);
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, &request, 0, NULL, response));
  IS(SANSOCKET_MISUSE, sansocket_header(&request, "host", &value));
  IS(SANSOCKET_MISUSE, sansocket_read_request(&ws, head, 10, &request));
  /* Frames out of turn. */
  IS(SANSOCKET_MISUSE, sansocket_receive(&ws, &input, &left, &event));
  IS(SANSOCKET_MISUSE, sansocket_send(&ws, 0, many, 1, header));
  IS(SANSOCKET_MISUSE, sansocket_ping(&ws, NULL, 0, frame));
  IS(SANSOCKET_MISUSE, sansocket_pong(&ws, NULL, 0, frame));
  IS(SANSOCKET_MISUSE, sansocket_close(&ws, 1000, NULL, 0, frame));
  IS(SANSOCKET_MISUSE, sansocket_is_closed(&ws));
  IS(SANSOCKET_MISUSE, sansocket_on_progress(&ws));

  IS(len, sansocket_read_request(&ws, head, len, &request));
  IS(1, request.head.bytes == request_bytes && (int)request.head.len == len);
  IS(1, sansocket_text_is(request.path, "/room") && sansocket_text_is(request.query, "n=1"));
  IS(1, sansocket_text_is(request.host, "localhost") && sansocket_text_is(request.origin, "https://a.example"));
  IS(1, sansocket_header(&request, "x", &value));
  IS(1, sansocket_text_is(value, "1"));
  IS(0, sansocket_header(&request, "cookie", &value));
  IS(1, value.bytes == NULL && value.len == 0);
  IS(0, sansocket_text_is(value, "") || sansocket_text_is(request.origin, "https://a.example.net"));
  IS(0, sansocket_text_is(request.origin, "https://a") || sansocket_text_is(request.origin, ""));
  IS(0, sansocket_header(&request, "", &value));
  IS(SANSOCKET_MISUSE, sansocket_header(NULL, "x", &value));
  IS(SANSOCKET_MISUSE, sansocket_header(&request, NULL, &value));
  IS(SANSOCKET_MISUSE, sansocket_header(&request, "\xff", &value));
  IS(SANSOCKET_MISUSE, sansocket_header(&request, "x", NULL));

  IS(SANSOCKET_MISUSE, sansocket_accept(NULL, &request, 0, NULL, response));
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, NULL, 0, NULL, response));
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, &request, 0, NULL, NULL));
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, &request, SANSOCKET_TEXT, NULL, response));
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, &request, 0, "not offered", response));
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, &request, 0, "\xff", response));
  IS(SANSOCKET_MISUSE, sansocket_refuse(&ws, 101, NULL, 0, response));
  IS(SANSOCKET_MISUSE, sansocket_refuse(&ws, 204, NULL, 0, response));
  IS(SANSOCKET_MISUSE, sansocket_refuse(&ws, -403, NULL, 0, response));
  IS(SANSOCKET_MISUSE, sansocket_refuse(&ws, 403 + 65536, NULL, 0, response));
  IS(SANSOCKET_MISUSE, sansocket_refuse(&ws, 403, NULL, 1, response));
  IS(SANSOCKET_MISUSE, sansocket_refuse(&ws, 403, many, sizeof many, response));
  IS(SANSOCKET_MISUSE, sansocket_refuse(&ws, 403, many, 1, NULL));
  /* None of which has changed anything. */
  int n = sansocket_accept(&ws, &request, 0, "chat", response);
  IS(1, n > 100 && n < (int)sizeof response && !memcmp(response, "HTTP/1.1 101 ", 13));
  response[n - 1] = 0;
  IS(1, strstr((char *)response, "Sec-WebSocket-Protocol: chat\r\n") != NULL);
  IS(1, strstr((char *)response, "Extensions") == NULL);
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, &request, 0, NULL, response));
  IS(SANSOCKET_MISUSE, sansocket_refuse(&ws, 403, NULL, 0, response));
  IS(SANSOCKET_MISUSE, sansocket_read_request(&ws, head, len, &request));

  /* Requests that are none: what is known of them is there, and they are not accepted all the same. */
  begin(NULL);
  IS(-400, sansocket_read_request(&ws, bytes(too_short), sizeof too_short - 1, &request));
  IS(1, sansocket_text_is(request.path, "/") && sansocket_text_is(request.host, "localhost") && request.origin.bytes == NULL);
  IS(-400, sansocket_accept(&ws, &request, 0, NULL, response));
  n = sansocket_refuse(&ws, 404, bytes("no such thing"), 13, response);
  IS(1, n > 13 && !memcmp(response, "HTTP/1.1 404 ", 13) && !memcmp(response + n - 13, "no such thing", 13));
  IS(SANSOCKET_MISUSE, sansocket_refuse(&ws, 404, NULL, 0, response));
  IS(SANSOCKET_MISUSE, sansocket_accept(&ws, &request, 0, NULL, response));
  IS(SANSOCKET_MISUSE, sansocket_on_timeout(&ws, 0, frame, &wait_ms));
  begin(NULL);
  IS(-400, sansocket_read_request(&ws, bytes(too_short), sizeof too_short - 1, &request));
  n = sansocket_refuse(&ws, 400, NULL, 0, response);
  response[n > 0 ? n - 1 : 0] = 0;
  IS(1, strstr((char *)response, "\r\n\r\nUpgrade is not websocke") != NULL);
  begin(NULL);
  IS(-426, sansocket_read_request(&ws, bytes(other_version), sizeof other_version - 1, &request));
  n = sansocket_refuse(&ws, 426, NULL, 0, response);
  response[n > 0 ? n - 1 : 0] = 0;
  IS(1, strstr((char *)response, "Sec-WebSocket-Version: 13\r\n") != NULL);
  begin(NULL);
  IS(-400, sansocket_read_request(&ws, bytes("\r\n\r\n"), 4, &request));
  IS(1, request.head.bytes == NULL);
  IS(-400, sansocket_read_request(&ws, head, len, &request));
  small.max_head = 100;
  begin(&small);
  IS(-431, sansocket_read_request(&ws, head, len, &request));
}

static void frames(void) {
  static const char wire[] = "\x81\x85\0\0\0\0hello\x89\x80\0\0\0\0\x83\x80\0\0\0\0";
  uint8_t received[sizeof wire], *input = received;
  size_t left = sizeof wire - 1;
  memcpy(received, wire, sizeof wire);
  open_it(NULL, 0);
  IS(SANSOCKET_MISUSE, sansocket_receive(&ws, NULL, &left, &event));
  IS(SANSOCKET_MISUSE, sansocket_receive(&ws, &input, NULL, &event));
  IS(SANSOCKET_MISUSE, sansocket_receive(&ws, &input, &left, NULL));
  input = NULL;
  IS(SANSOCKET_MISUSE, sansocket_receive(&ws, &input, &left, &event));
  input = received;
  IS(SANSOCKET_DATA, sansocket_receive(&ws, &input, &left, &event));
  IS(SANSOCKET_TEXT | SANSOCKET_LAST, event.flags);
  IS(0, event.len != 5 || memcmp(event.payload, "hello", 5));
  IS(SANSOCKET_MISUSE, sansocket_send(&ws, event.flags, event.payload, event.len, NULL));
  IS(SANSOCKET_MISUSE, sansocket_send(&ws, event.flags, NULL, event.len, header));
  IS(SANSOCKET_MISUSE, sansocket_send(&ws, 8, event.payload, event.len, header));
  IS(SANSOCKET_MISUSE, sansocket_send(&ws, SANSOCKET_COMPRESSED, event.payload, event.len, header));
  IS(2, sansocket_send(&ws, event.flags, event.payload, event.len, header));
  IS(0, memcmp(header, "\x81\x05", 2));
  /* A message of two parts is of one kind, and may be of no bytes. */
  IS(2, sansocket_send(&ws, SANSOCKET_TEXT, NULL, 0, header));
  IS(SANSOCKET_MISUSE, sansocket_send(&ws, 0, many, 1, header));
  IS(2, sansocket_send(&ws, SANSOCKET_TEXT | SANSOCKET_LAST, NULL, 0, header));
  /* In two pieces, and nothing in between: the input says how far it is used up. */
  IS(1, input == received + 11 && left == sizeof wire - 1 - 11);
  left = 3;
  IS(SANSOCKET_NONE, sansocket_receive(&ws, &input, &left, &event));
  IS(1, input == received + 14 && left == 0);
  IS(SANSOCKET_NONE, sansocket_receive(&ws, &input, &left, &event));
  IS(1, input == received + 14 && left == 0);
  left = sizeof wire - 1 - 14;
  IS(SANSOCKET_PING, sansocket_receive(&ws, &input, &left, &event));
  IS(1, event.len == 0 && event.payload == event.control && event.flags == 0 && event.code == 0);
  IS(1, input == received + 17 && left == sizeof wire - 1 - 17);
  IS(SANSOCKET_MISUSE, sansocket_pong(&ws, many, 126, frame));
  IS(SANSOCKET_MISUSE, sansocket_pong(&ws, NULL, 1, frame));
  IS(SANSOCKET_MISUSE, sansocket_pong(&ws, NULL, 0, NULL));
  IS(2, sansocket_pong(&ws, NULL, 0, frame));
  IS(SANSOCKET_MISUSE, sansocket_ping(&ws, many, 126, frame));
  IS(2 + 125, sansocket_ping(&ws, many, 125, frame));

  /* The peer's fault, told once and repeated. */
  IS(-1002, sansocket_receive(&ws, &input, &left, &event));
  IS(-1002, sansocket_receive(&ws, &input, &left, &event));
  IS(SANSOCKET_MISUSE, sansocket_close(&ws, 1005, NULL, 0, frame));
  IS(SANSOCKET_MISUSE, sansocket_close(&ws, 1000, bytes("\xff"), 1, frame));
  IS(SANSOCKET_MISUSE, sansocket_close(&ws, 1000, many, 124, frame));
  IS(SANSOCKET_MISUSE, sansocket_close(&ws, 0, many, 1, frame));
  IS(SANSOCKET_MISUSE, sansocket_close(&ws, 1000, NULL, 0, NULL));
  IS(0, sansocket_is_closed(&ws));
  IS(4, sansocket_close(&ws, 1002, NULL, 0, frame));
  IS(0, sansocket_close(&ws, 1002, NULL, 0, frame));
  IS(SANSOCKET_SENT_CLOSE, sansocket_send(&ws, 0, many, 1, header));
  IS(0, sansocket_is_closed(&ws));

  /* Both ends close. What came before the peer's Close and after ours is dropped. */
  uint8_t closing[] = "\x82\x81\0\0\0\0x\x88\x84\0\0\0\0\x03\xe8no";
  input = closing, left = sizeof closing - 1;
  open_it(NULL, 0);
  IS(2, sansocket_close(&ws, 0, NULL, 0, frame));
  IS(SANSOCKET_CLOSE, sansocket_receive(&ws, &input, &left, &event));
  IS(1, event.code == 1000 && event.len == 2 && event.payload == event.control && !memcmp(event.control, "no", 2));
  IS(1, sansocket_is_closed(&ws));

  /* Compressed as it was agreed to, and passed back. */
  uint8_t compressed[] = "\xc1\x81\0\0\0\0x";
  for (int flags = 0; flags <= SANSOCKET_COMPRESSED; flags += SANSOCKET_COMPRESSED) {
    open_it(NULL, flags);
    input = compressed, left = sizeof compressed - 1;
    IS(flags ? SANSOCKET_DATA : -1002, sansocket_receive(&ws, &input, &left, &event));
  }
  IS(SANSOCKET_TEXT | SANSOCKET_LAST | SANSOCKET_COMPRESSED, event.flags);
  IS(2, sansocket_send(&ws, event.flags, event.payload, event.len, header));
  IS(0, memcmp(header, "\xc1\x01", 2));
}

static void deadlines(void) {
  sansocket_config config = {0, 0, 0, 1, 0, 1000, 2000, 500, 0, 800};
  uint8_t pong[] = "\x8a\x88\0\0\0\0\0\0\0\0\0\0\0\x01", pings[12 * 6], *input = pong;
  size_t left = sizeof pong - 1;
  begin(&config);
  IS(SANSOCKET_MISUSE, sansocket_on_timeout(NULL, 0, frame, &wait_ms));
  IS(SANSOCKET_MISUSE, sansocket_on_timeout(&ws, 0, NULL, &wait_ms));
  IS(SANSOCKET_MISUSE, sansocket_on_timeout(&ws, 0, frame, NULL));
  /* The clock begins anywhere, and may go back. */
  IS(0, sansocket_on_timeout(&ws, UINT64_MAX - 5000, frame, &wait_ms));
  IS(1000, wait_ms);
  IS(0, sansocket_on_timeout(&ws, 0, frame, &wait_ms));
  IS(1, wait_ms > 0);
  IS(-408, sansocket_on_timeout(&ws, UINT64_MAX - 4000, frame, &wait_ms));
  IS(-408, sansocket_on_timeout(&ws, UINT64_MAX, frame, &wait_ms));
  IS(-1, wait_ms);
  IS(1, sansocket_refuse(&ws, 408, NULL, 0, response) > 0 && !memcmp(response, "HTTP/1.1 408 ", 13));

  /* Who accepts a request that took too long has a connection to give up. */
  begin(&config);
  IS(0, sansocket_on_timeout(&ws, 0, frame, &wait_ms));
  IS(1, sansocket_read_request(&ws, bytes(request_bytes), sizeof request_bytes - 1, &request) > 100);
  IS(-408, sansocket_on_timeout(&ws, 1000, frame, &wait_ms));
  IS(1, sansocket_accept(&ws, &request, 0, NULL, response) > 100);
  IS(-1011, sansocket_on_timeout(&ws, 1000, frame, &wait_ms));
  IS(4, sansocket_close(&ws, 1011, NULL, 0, frame));

  /* A Ping that is answered, and one that is not. */
  open_it(&config, 0);
  IS(0, sansocket_on_timeout(&ws, 0, frame, &wait_ms));
  IS(2000, wait_ms);
  IS(2 + 8, sansocket_on_timeout(&ws, 2000, frame, &wait_ms));
  IS(1, frame[0] == 0x89 && wait_ms == 500);
  IS(SANSOCKET_PONG, sansocket_receive(&ws, &input, &left, &event));
  IS(0, sansocket_on_timeout(&ws, 2500, frame, &wait_ms));
  IS(2 + 8, sansocket_on_timeout(&ws, 4000, frame, &wait_ms));
  IS(0, sansocket_on_progress(&ws));
  IS(0, sansocket_on_timeout(&ws, 4500, frame, &wait_ms));
  IS(500, wait_ms);
  IS(-1011, sansocket_on_timeout(&ws, 5000, frame, &wait_ms));
  IS(-1011, sansocket_on_timeout(&ws, 4500, frame, &wait_ms));
  IS(4, sansocket_close(&ws, 1011, NULL, 0, frame));

  /* A flood, which is closed, and then the connection is not. */
  open_it(&config, 0);
  IS(0, sansocket_on_timeout(&ws, 0, frame, &wait_ms));
  for (int i = 0; i < 12; i++) memcpy(pings + 6 * i, "\x89\x80\0\0\0\0", 6);
  input = pings, left = sizeof pings;
  while (left > 0) IS(SANSOCKET_PING, sansocket_receive(&ws, &input, &left, &event));
  IS(1, sansocket_on_timeout(&ws, 100, frame, &wait_ms) > 4);
  IS(1, frame[0] == 0x88 && frame[2] == 0x03 && frame[3] == 0xf0 && wait_ms == 800);
  IS(SANSOCKET_SENT_CLOSE, sansocket_send(&ws, 0, many, 1, header));
  IS(-1011, sansocket_on_timeout(&ws, 900, frame, &wait_ms));
  IS(0, sansocket_close(&ws, 1011, NULL, 0, frame));

  /* Our Close is not answered. */
  open_it(&config, 0);
  IS(4, sansocket_close(&ws, 1000, NULL, 0, frame));
  IS(0, sansocket_on_timeout(&ws, 0, frame, &wait_ms));
  IS(800, wait_ms);

  /* Nothing is said: what is sent counts, too. */
  config.idle_ms = 300;
  open_it(&config, 0);
  IS(0, sansocket_on_timeout(&ws, 0, frame, &wait_ms));
  IS(2, sansocket_send(&ws, SANSOCKET_LAST, many, 1, header));
  IS(0, sansocket_on_timeout(&ws, 200, frame, &wait_ms));
  IS(0, sansocket_on_timeout(&ws, 300, frame, &wait_ms));
  IS(1, sansocket_on_timeout(&ws, 500, frame, &wait_ms) > 4 && frame[0] == 0x88 && frame[3] == 0xe9);
}

static void limits(void) {
  for (int which = 0; which < 4; which++) {
    uint8_t wire[] = "\x02\x84\0\0\0\0four\x80\x80\0\0\0\0", *input = wire;
    size_t left = sizeof wire - 1;
    sansocket_config config = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    if (which == 1) config.max_message = 3;
    if (which == 2) config.max_frame = 3;
    if (which == 3) config.max_fragments = 1;
    open_it(&config, 0);
    int result = sansocket_receive(&ws, &input, &left, &event);
    if (which == 0 || which == 3) {
      IS(SANSOCKET_DATA, result);
      result = sansocket_receive(&ws, &input, &left, &event);
    }
    IS(which == 0 ? SANSOCKET_DATA : -1009, result);
  }
}

int main(void) {
  memset(response, 0xAA, sizeof response);
  memset(&event, 0xAA, sizeof event);
  memory();
  handshake();
  frames();
  deadlines();
  limits();
  IS(SANSOCKET_MISUSE, sansocket_mask(NULL, 1, many));
  IS(SANSOCKET_MISUSE, sansocket_mask(many, 1, NULL));
  IS(0, sansocket_mask(NULL, 0, many));
  memset(many, 0, sizeof many);
  IS(0, sansocket_mask(many, 3, bytes("abcd")));
  IS(0, memcmp(many, "abc\0", 4));
  return failed;
}
