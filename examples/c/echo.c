/* An echo server in C: a process a connection, blocking writes, no allocation.
 *
 *     echo [--listen 127.0.0.1:9001] [--origin ORIGIN] [--max-message BYTES] [--most CONNECTIONS]
 *          [--handshake-timeout SECONDS] [--idle-timeout SECONDS] */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sansocket.h"

static const char *origin; /* of the pages that may connect; null for any */
static sansocket_config config = {.max_message = 1 << 20};
static uint32_t handshake_timeout = 10000, idle_timeout = 60000; /* milliseconds */
static uint8_t buffer[64 * 1024];

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* Whether there may be something to read, within the time. A process that was stopped and goes on is
 * interrupted, and looks for what came meanwhile before it tells the time. */
static int wait_for(int fd, int ms) {
  struct pollfd wanted = {.fd = fd, .events = POLLIN};
  return poll(&wanted, 1, ms) != 0;
}

/* Writes both pieces, however little is taken at a time. */
static int write_all(int fd, const uint8_t *head, size_t head_len, const uint8_t *body, size_t len) {
  while (head_len + len > 0) {
    struct iovec pieces[2] = {{(void *)head, head_len}, {(void *)body, len}};
    ssize_t n = writev(fd, pieces, 2);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return -1;
    size_t of_head = (size_t)n < head_len ? (size_t)n : head_len;
    head += of_head, head_len -= of_head;
    if ((size_t)n > of_head) body += n - of_head, len -= n - of_head;
  }
  return 0;
}

/* Tells the peer what is wrong, by a status of HTTP or a close code. The connection is at its end. */
static int fail(int fd, sansocket *ws, int error) {
  uint8_t said[SANSOCKET_MAX_RESPONSE];
  int n = error > -1000 ? sansocket_refuse(ws, -error, NULL, 0, said)
                        : sansocket_close(ws, (uint16_t)-error, NULL, 0, said);
  if (n > 0) write_all(fd, said, n, NULL, 0);
  return -1;
}

/* Does what is due, and reads: nothing, if meanwhile something else is due; -1 at the end. */
static ssize_t read_some(int fd, sansocket *ws, uint8_t *bytes, size_t len) {
  uint8_t frame[SANSOCKET_MAX_CONTROL];
  int wait, due = sansocket_on_timeout(ws, now(), frame, &wait);
  if (due < 0) return fail(fd, ws, due);
  if (write_all(fd, frame, due, NULL, 0) < 0) return -1;
  if (!wait_for(fd, wait)) return 0;
  ssize_t n = recv(fd, bytes, len, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return 0;
  return n > 0 ? n : -1;
}

/* The opening handshake. The length of the request; how many bytes of the buffer are filled. */
static int open_connection(int fd, sansocket *ws, size_t *filled) {
  sansocket_request request;
  uint8_t response[SANSOCKET_MAX_RESPONSE];
  int head_len = 0;
  for (*filled = 0; head_len == 0;) {
    ssize_t n = read_some(fd, ws, buffer + *filled, sizeof buffer - *filled);
    if (n < 0) return -1;
    *filled += n;
    head_len = sansocket_read_request(ws, buffer, *filled, &request);
  }
  if (head_len < 0) return fail(fd, ws, head_len);
  /* Programs send no origin, browsers always do: a page of another is refused. */
  if (origin && request.origin.bytes && !sansocket_text_is(request.origin, origin)) return fail(fd, ws, -403);
  int n = sansocket_accept(ws, &request, SANSOCKET_COMPRESSED, NULL, response);
  return n < 0 || write_all(fd, response, n, NULL, 0) < 0 ? -1 : head_len;
}

/* Answers all of the input; 0 if the connection goes on. */
static int answer(int fd, sansocket *ws, uint8_t *input, size_t len) {
  sansocket_event event;
  uint8_t frame[SANSOCKET_MAX_CONTROL];
  for (;;) {
    int n = 0, result = sansocket_receive(ws, &input, &len, &event);
    size_t body = 0;
    if (result == SANSOCKET_NONE) return sansocket_is_closed(ws) ? -1 : 0;
    if (result < 0) return fail(fd, ws, result);
    if (result == SANSOCKET_DATA) {
      n = sansocket_send(ws, event.flags, event.payload, event.len, frame);
      body = event.len;
    }
    if (result == SANSOCKET_PING) n = sansocket_pong(ws, event.payload, event.len, frame);
    if (result == SANSOCKET_CLOSE) n = sansocket_close(ws, event.code, event.payload, event.len, frame);
    if (n < 0 || write_all(fd, frame, n, event.payload, body) < 0) return -1;
  }
}

static void serve(int fd) {
  static sansocket ws;
  size_t filled;
  if (sansocket_init(&ws, &config) < 0) return;
  int head_len = open_connection(fd, &ws, &filled);
  if (head_len < 0 || answer(fd, &ws, buffer + head_len, filled - head_len) < 0) return;
  ssize_t n;
  while ((n = read_some(fd, &ws, buffer, sizeof buffer)) >= 0 && answer(fd, &ws, buffer, n) == 0) continue;
}

/* Ends our side, and waits a while for the peer to end its own: closing at once, with bytes unread,
 * would reset the connection and could lose what was written. Who goes on sending is not waited for. */
static void linger(int fd) {
  uint64_t time, end = now() + handshake_timeout, dropped = 0;
  shutdown(fd, SHUT_WR);
  while (dropped <= config.max_message && (time = now()) < end && wait_for(fd, (int)(end - time))) {
    ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return;
    if (n > 0) dropped += n;
  }
}

/* Says why the program does not start, and ends it. */
static void wrong(const char *option, const char *value) {
  fprintf(stderr, "%s cannot be '%s'; the options are at the top of echo.c\n", option, value);
  exit(2);
}

/* The value of an option: a number in bounds, in units of so many. */
static uint32_t number(const char *option, const char *value, double unit, double least, double most) {
  char *end;
  double n = strtod(value, &end) * unit;
  if (end == value || *end || !(n >= least && n <= most)) wrong(option, value);
  if (unit == 1 && n != (uint32_t)n) wrong(option, value);
  return (uint32_t)n;
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9001)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  uint32_t children = 0, most = 2000;
  for (int i = 1; i < argc; i += 2) {
    char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "", *colon = strchr(value, ':');
    if (!strcmp(option, "--listen") && colon) {
      address.sin_port = htons((uint16_t)number(option, colon + 1, 1, 0, 65535));
      *colon = 0;
      if (inet_pton(AF_INET, value, &address.sin_addr) != 1) wrong(option, value);
    } else if (!strcmp(option, "--origin") && *value) {
      origin = value;
    } else if (!strcmp(option, "--max-message")) {
      config.max_message = number(option, value, 1, 1, UINT32_MAX);
    } else if (!strcmp(option, "--most")) {
      most = number(option, value, 1, 1, UINT32_MAX);
    } else if (!strcmp(option, "--handshake-timeout")) {
      handshake_timeout = number(option, value, 1000, 1, INT32_MAX);
    } else if (!strcmp(option, "--idle-timeout")) {
      idle_timeout = number(option, value, 1000, 1, INT32_MAX);
    } else {
      wrong(option, value);
    }
  }
  config.handshake_ms = config.close_ms = handshake_timeout;
  config.interval_ms = config.answer_ms = (idle_timeout + 1) / 2;
  signal(SIGPIPE, SIG_IGN);
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  socklen_t len = sizeof address;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, len) < 0 || listen(listener, 1024) < 0 ||
      getsockname(listener, (struct sockaddr *)&address, &len) < 0) {
    perror("listen");
    return 1;
  }
  printf("listening on ws://%s:%d\n", inet_ntoa(address.sin_addr), ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) {
      if (errno != EINTR && errno != ECONNABORTED) usleep(100000); /* out of files, most likely */
      continue;
    }
    /* Those that have ended; and one, if there are as many as may be. */
    while (children > 0 && waitpid(-1, NULL, children < most ? WNOHANG : 0) > 0) children--;
    pid_t child = fork();
    if (child < 0) perror("fork");
    if (child > 0) children++;
    if (child == 0) {
      struct timeval time = {.tv_sec = idle_timeout / 1000, .tv_usec = idle_timeout % 1000 * 1000};
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      close(listener);
      serve(fd);
      linger(fd);
      _exit(0);
    }
    close(fd);
  }
}
