/* The server's end of a WebSocket for C: layers 0 and 1 of sansocket, without allocation and without
 * I/O. All memory is the caller's, and nothing is kept of what is passed but in the sansocket itself.
 *
 * A function returns something positive or zero when it did what it was asked to, else an error:
 * SANSOCKET_MISUSE for null or misaligned pointers and calls out of turn, SANSOCKET_SENT_CLOSE for
 * data after our Close, or a close code, negated, for what the peer did wrong (-1002, -1007, -1009):
 * sansocket_close tells it, and every later call repeats it.
 *
 * One thread at a time may use a sansocket. What is passed must be initialised, be it with zeros, and
 * what is written to must not overlap with anything else that is passed in the same call. */

#ifndef SANSOCKET_H
#define SANSOCKET_H

#include <stddef.h>
#include <stdint.h>

/* A connection. It may be moved while nobody uses it. */
typedef struct {
  uint64_t opaque[40];
} sansocket;

enum {
  SANSOCKET_MISUSE = -1,
  SANSOCKET_SENT_CLOSE = -2
};

/* A new connection, whose request is awaited. Messages may have max_message bytes, all their
 * fragments together. */
int sansocket_init(sansocket *ws, uint64_t max_message);

/* What the server says to a request. */
typedef struct {
  size_t head_len;     /* where the first frames begin, behind the request */
  size_t len;
  uint8_t bytes[512];  /* to be written */
} sansocket_response;

enum {
  SANSOCKET_WAIT = 0,  /* the request is not whole: read more, and pass all of it again */
  SANSOCKET_OPEN,
  SANSOCKET_REFUSED    /* the connection ends when the response is written */
};

/* The opening handshake. head is all that came so far, from the first byte on; its buffer should have
 * 16 KiB, over which a request is refused. Compression is agreed to where compressed messages can be
 * passed back as they come, see SANSOCKET_COMPRESSED. */
int sansocket_accept(sansocket *ws, const uint8_t *head, size_t len, sansocket_response *response);

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

enum {
  SANSOCKET_NONE = 0,  /* the input is used up */
  SANSOCKET_DATA,
  SANSOCKET_PING,      /* to be answered by sansocket_pong */
  SANSOCKET_PONG,
  SANSOCKET_CLOSE      /* to be answered by sansocket_close; nothing comes after it */
};

/* Takes bytes off the front of the input until they make an event. Payload is unmasked where it
 * lies. */
int sansocket_receive(sansocket *ws, uint8_t **input, size_t *len, sansocket_event *event);

#define SANSOCKET_MAX_HEADER 14
#define SANSOCKET_MAX_CONTROL 131

/* The header of the next part of a message, and its length as the result. The payload, which is
 * not copied, is to be written behind it. */
int sansocket_send(sansocket *ws, int flags, const uint8_t *payload, size_t len,
                   uint8_t header[SANSOCKET_MAX_HEADER]);

/* Whole frames, with their lengths as the results. The payload has at most 125 bytes. */
int sansocket_ping(sansocket *ws, const uint8_t *payload, size_t len,
                   uint8_t frame[SANSOCKET_MAX_CONTROL]);
int sansocket_pong(sansocket *ws, const uint8_t *payload, size_t len,
                   uint8_t frame[SANSOCKET_MAX_CONTROL]);

/* Our Close, with a code or 0, and a reason of at most 123 bytes in UTF-8; 0 if it is sent already. */
int sansocket_close(sansocket *ws, uint16_t code, const uint8_t *reason, size_t len,
                    uint8_t frame[SANSOCKET_MAX_CONTROL]);

/* 1 if both ends have sent their Close, so that the transport is to be closed. */
int sansocket_is_closed(const sansocket *ws);

/* Layer 0: masks and unmasks. */
int sansocket_mask(uint8_t *bytes, size_t len, const uint8_t key[4]);

#endif
