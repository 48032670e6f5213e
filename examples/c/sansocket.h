/* The server's end of a WebSocket for C: layers 0 and 1 of sansocket, without allocation and without
 * I/O. All memory is the caller's, and nothing is kept of what is passed but in the sansocket itself.
 *
 *     sansocket_init
 *       |  sansocket_read_request, until the request is whole
 *       |  sansocket_accept, or sansocket_refuse, which is the end
 *     the open connection: sansocket_receive, _send, _ping, _pong, _close
 *          each time round sansocket_on_timeout, from the first on
 *
 * A function returns something positive or zero when it did what it was asked to, else an error:
 *
 *     -1           SANSOCKET_MISUSE: a pointer that is null or misaligned, a call out of turn, or what
 *                  is said with the function. Nothing has changed.
 *     -2           SANSOCKET_SENT_CLOSE: data after our Close
 *     -400 ...     a status of HTTP, negated: the request is none that can be accepted (-400, -405, -426,
 *                  -431, -505), or took too long (-408). To be answered by sansocket_refuse.
 *     -1000 ...    a close code, negated: the peer broke a rule (-1002, -1007, -1009), or is silent
 *                  (-1011). To be told by sansocket_close. Every later call of the
 *                  same function repeats it.
 *
 * One thread at a time may use a sansocket. What is written to must not overlap with anything else that
 * is passed in the same call, and need not be initialised; but a sansocket without sansocket_init is
 * told from another only if its memory is zero. */

#ifndef SANSOCKET_H
#define SANSOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A connection. It may be moved while nobody uses it. */
typedef struct {
  uint64_t opaque[56];
} sansocket;

enum {
  SANSOCKET_MISUSE = -1,
  SANSOCKET_SENT_CLOSE = -2
};

/* All limits, and how long to wait for what, in milliseconds. What is 0 has its default. */
typedef struct {
  uint64_t max_message;         /* bytes of a message, all its fragments together: 16 MiB */
  uint32_t max_frame;           /* bytes of a frame: those of a message */
  uint32_t max_fragments;       /* frames of a message: 131,072 */
  uint32_t max_control_frames;  /* Pings and Pongs a second, those of ten at once: 1,000 */
  uint32_t max_head;            /* bytes of a request: 16 KiB */
  uint32_t handshake_ms;        /* for the whole request: 10,000 */
  uint32_t interval_ms;         /* between two Pings: 20,000 */
  uint32_t answer_ms;           /* for the answer to a Ping, or any other sign of life: 20,000 */
  uint32_t idle_ms;             /* without a message, either way: for ever */
  uint32_t close_ms;            /* for the peer's end, after a Close: 10,000 */
} sansocket_config;

/* Bytes of a request, without a 0 at their end; null if it has no such thing. */
typedef struct {
  const char *bytes;
  size_t len;
} sansocket_text;

/* 1 if the text is this string, else 0. */
static inline int sansocket_text_is(sansocket_text text, const char *string) {
  return text.bytes && text.len == strlen(string) && memcmp(text.bytes, string, text.len) == 0;
}

/* What a client asks for. It points into the request's bytes, and is good for as long as they are. */
typedef struct {
  sansocket_text head;    /* the whole request: the first frames lie behind its head.len bytes */
  sansocket_text path;    /* of the target, "/" at least */
  sansocket_text query;   /* what follows its "?" */
  sansocket_text host;    /* with its port, if it has one */
  sansocket_text origin;  /* of the page whose script connects; programs send none */
} sansocket_request;

/* What is known of a piece of a message. */
enum {
  SANSOCKET_TEXT = 1,       /* text, not binary */
  SANSOCKET_LAST = 2,       /* the message ends here */
  SANSOCKET_COMPRESSED = 4  /* by permessage-deflate, and not inflated here */
};

typedef struct {
  uint8_t *payload;      /* in the input for a piece of a message, else in control */
  size_t len;
  int flags;             /* of a piece of a message */
  uint16_t code;         /* of a Close, which has its reason as the payload; 0 for none */
  uint8_t control[125];
} sansocket_event;

/* As sansocket_init, which is to be preferred. From other languages pass the sizes of your own
 * declarations, in the order of this header: where they differ from the library's, it is misuse. */
int sansocket_init_sized(sansocket *ws, const sansocket_config *config, size_t ws_size,
                         size_t config_size, size_t request_size, size_t event_size);

/* A new connection, whose request is awaited. The config may be null for the defaults. 0. */
static inline int sansocket_init(sansocket *ws, const sansocket_config *config) {
  return sansocket_init_sized(ws, config, sizeof(sansocket), sizeof(sansocket_config),
                              sizeof(sansocket_request), sizeof(sansocket_event));
}

/* The opening handshake: reads the request. head is all that came so far, from the first byte on, and
 * no less than before; its buffer should have max_head bytes.
 *
 * The length of the request if it is whole and can be accepted; 0 if it is not whole yet: read more,
 * and pass all of it again. Else a status, negated; what is known of the request is there even then. */
int sansocket_read_request(sansocket *ws, const uint8_t *head, size_t len, sansocket_request *request);

/* The first header of a request with this name, in upper or lower case. 1, or 0 if there is none. */
int sansocket_header(const sansocket_request *request, const char *name, sansocket_text *value);

#define SANSOCKET_MAX_RESPONSE 512

/* Opens the connection, for a request that was read. The length of the response, to be written.
 *
 * Look at the origin first: a page from any site can connect, with its visitor's cookies. If protocol
 * is not null it is the subprotocol, which must be one that the client offered. With the flag
 * SANSOCKET_COMPRESSED, if the client offers that, its messages may be compressed; and only such that
 * they may be sent as they came. Misuse, too: a response that is too long by its protocol. */
int sansocket_accept(sansocket *ws, const sansocket_request *request, int flags, const char *protocol,
                     uint8_t response[SANSOCKET_MAX_RESPONSE]);

/* Refuses with a status from 200 to 599 and a text. Without one, of length 0, an error of
 * sansocket_read_request is answered in words of ours. The length of the response; the connection ends
 * when it is written. Misuse, too: 204, 304, a response that is too long. */
int sansocket_refuse(sansocket *ws, int status, const uint8_t *text, size_t len,
                     uint8_t response[SANSOCKET_MAX_RESPONSE]);

enum {
  SANSOCKET_NONE = 0,  /* the input is used up */
  SANSOCKET_DATA,
  SANSOCKET_PING,      /* to be answered by sansocket_pong */
  SANSOCKET_PONG,
  SANSOCKET_CLOSE      /* to be answered by sansocket_close; nothing comes after it */
};

/* Takes bytes off the front of the input until they make an event, and returns its kind. Payload is
 * unmasked where it lies. Data that comes after our Close is dropped. Else a close code, negated. */
int sansocket_receive(sansocket *ws, uint8_t **input, size_t *len, sansocket_event *event);

#define SANSOCKET_MAX_HEADER 14
#define SANSOCKET_MAX_CONTROL 131

/* The header of the next part of a message, and its length as the result. The payload, which is
 * not copied, is to be written behind it; the caller sees to it that text is UTF-8. Misuse, too: a part
 * that is not text or not compressed as those before it, SANSOCKET_COMPRESSED if that was not agreed to. */
int sansocket_send(sansocket *ws, int flags, const uint8_t *payload, size_t len,
                   uint8_t header[SANSOCKET_MAX_HEADER]);

/* Whole frames, with their lengths as the results. Misuse, too: a payload of more than 125 bytes. */
int sansocket_ping(sansocket *ws, const uint8_t *payload, size_t len,
                   uint8_t frame[SANSOCKET_MAX_CONTROL]);
int sansocket_pong(sansocket *ws, const uint8_t *payload, size_t len,
                   uint8_t frame[SANSOCKET_MAX_CONTROL]);

/* Our Close, with a code or 0, and a reason. Its length; 0 if it is sent already. Misuse, too: a code
 * that may not be sent, a reason of more than 123 bytes, without a code, or not in UTF-8. */
int sansocket_close(sansocket *ws, uint16_t code, const uint8_t *reason, size_t len,
                    uint8_t frame[SANSOCKET_MAX_CONTROL]);

/* 1 if both ends have sent their Close, so that the transport is to be closed, else 0. */
int sansocket_is_closed(const sansocket *ws);

/* Tells the time in milliseconds since any moment: each time round, from the first on, when all that
 * came was received. wait_ms is how long to wait for more until the next call, as poll takes it: -1 is
 * for ever.
 *
 * The length of a frame that is to be written now: a Ping; or a Close, after too many control frames or
 * too long without a message. 0 if nothing is due. When the peer is to be given up -408 while the request
 * is awaited, then -1011. */
int sansocket_on_timeout(sansocket *ws, uint64_t now_ms, uint8_t frame[SANSOCKET_MAX_CONTROL],
                         int *wait_ms);

/* The peer took something that had to wait for it: it is slow, but alive, though it may have said nothing.
 * For who writes without blocking. 0. */
int sansocket_on_progress(sansocket *ws);

/* Layer 0: masks and unmasks. 0. */
int sansocket_mask(uint8_t *bytes, size_t len, const uint8_t key[4]);

#ifdef __cplusplus
}
#endif

#endif
