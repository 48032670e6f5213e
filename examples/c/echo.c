/* An echo server in C: a process a connection, blocking reads, no allocation.
 *
 *     echo [--listen 127.0.0.1:9001] [--max-message BYTES]
 *          [--handshake-timeout SECONDS] [--idle-timeout SECONDS] */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "sansocket.h"

static uint64_t max_message = 1 << 20;
static double handshake_timeout = 10, idle_timeout = 60;
static uint8_t buffer[64 * 1024];

/* A peer may send so many Pings and Pongs a second, and those of ten at once: the protocol itself wants
 * an answer to each Ping. */
static const double most_controls = 1000;
/* Those that came, less those that were allowed until then. */
static double controls, counted;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void set_timeout(int fd, int which, double seconds) {
  if (seconds < 0.001) seconds = 0.001; /* 0 would mean for ever */
  struct timeval time = {.tv_sec = (time_t)seconds};
  time.tv_usec = (suseconds_t)((seconds - time.tv_sec) * 1e6);
  setsockopt(fd, SOL_SOCKET, which, &time, sizeof time);
}

/* Whether too many came. To be asked after each read. */
static int is_flooded(void) {
  double time = now();
  controls -= most_controls * (time - counted);
  if (controls < 0) controls = 0;
  counted = time;
  return controls > 10 * most_controls;
}

/* Reads, and goes on if the process was stopped meanwhile: reads with a timeout do not by themselves. */
static ssize_t read_some(int fd, uint8_t *bytes, size_t len) {
  ssize_t n;
  do {
    n = read(fd, bytes, len);
  } while (n < 0 && errno == EINTR);
  return n;
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

/* Ends our side, and waits a while for the peer to end its own: closing at once, with bytes unread,
 * would reset the connection and could lose what was written. */
static void linger(int fd) {
  double end = now() + handshake_timeout;
  shutdown(fd, SHUT_WR);
  do {
    set_timeout(fd, SO_RCVTIMEO, end - now());
  } while (now() < end && read_some(fd, buffer, sizeof buffer) > 0);
}

/* The opening handshake: how many bytes of the buffer are filled, and how many are the request. */
static int open_connection(int fd, sansocket *ws, size_t *filled, size_t *head_len) {
  static sansocket_response response;
  double deadline = now() + handshake_timeout;
  *filled = 0;
  for (;;) {
    /* For the whole request, lest one byte at a time takes for ever. */
    set_timeout(fd, SO_RCVTIMEO, deadline - now());
    ssize_t n = read_some(fd, buffer + *filled, sizeof buffer - *filled);
    if (n <= 0) return -1;
    if (now() >= deadline) return -1;
    *filled += (size_t)n;
    int result = sansocket_accept(ws, buffer, *filled, &response);
    if (result == SANSOCKET_WAIT) continue;
    if (write_all(fd, response.bytes, response.len, NULL, 0) < 0) return -1;
    *head_len = response.head_len;
    return result == SANSOCKET_OPEN ? 0 : -1;
  }
}

/* Answers all of the input; 0 if the connection goes on. */
static int answer(int fd, sansocket *ws, uint8_t *input, size_t len) {
  static sansocket_event event;
  uint8_t frame[SANSOCKET_MAX_CONTROL], header[SANSOCKET_MAX_HEADER];
  for (;;) {
    int n = 0, result = sansocket_receive(ws, &input, &len, &event);
    switch (result) {
      case SANSOCKET_NONE:
        if (!is_flooded()) return 0;
        n = sansocket_close(ws, 1008, NULL, 0, frame);
        write_all(fd, frame, n > 0 ? (size_t)n : 0, NULL, 0);
        return -1;
      case SANSOCKET_DATA:
        n = sansocket_send(ws, event.flags, event.payload, event.len, header);
        if (n < 0 || write_all(fd, header, n, event.payload, event.len) < 0) return -1;
        continue;
      case SANSOCKET_PING:
        controls++;
        n = sansocket_pong(ws, event.payload, event.len, frame);
        break;
      case SANSOCKET_PONG:
        controls++;
        break;
      case SANSOCKET_CLOSE:
        n = sansocket_close(ws, event.code, event.payload, event.len, frame);
        break;
      default: /* the peer broke a rule, and is told which */
        n = sansocket_close(ws, -result, NULL, 0, frame);
    }
    if (n < 0 || write_all(fd, frame, n, NULL, 0) < 0) return -1;
    if (result < 0 || sansocket_is_closed(ws)) return -1;
  }
}

static void serve(int fd) {
  static sansocket ws;
  uint8_t frame[SANSOCKET_MAX_CONTROL];
  size_t filled, head_len;
  sansocket_init(&ws, max_message);
  counted = now();
  set_timeout(fd, SO_SNDTIMEO, idle_timeout);
  if (open_connection(fd, &ws, &filled, &head_len) < 0) return;
  if (answer(fd, &ws, buffer + head_len, filled - head_len) < 0) return;
  set_timeout(fd, SO_RCVTIMEO, idle_timeout / 2);
  for (int is_asked = 0;;) {
    ssize_t n = read_some(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EAGAIN && !is_asked) {
      int len = sansocket_ping(&ws, NULL, 0, frame);
      if (write_all(fd, frame, len, NULL, 0) < 0) return;
      is_asked = 1;
      continue;
    }
    if (n < 0 && errno == EAGAIN) { /* it may be there after all, and reads why */
      int len = sansocket_close(&ws, 1011, NULL, 0, frame);
      write_all(fd, frame, len > 0 ? (size_t)len : 0, NULL, 0);
      return;
    }
    if (n <= 0 || answer(fd, &ws, buffer, (size_t)n) < 0) return;
    is_asked = 0;
  }
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9001)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 1; i < argc; i += 2) {
    char *value = i + 1 < argc ? argv[i + 1] : "", *colon = strchr(value, ':');
    if (!strcmp(argv[i], "--listen") && colon) {
      *colon = 0;
      if (inet_pton(AF_INET, value, &address.sin_addr) != 1) return 2;
      address.sin_port = htons((uint16_t)atoi(colon + 1));
    } else if (!strcmp(argv[i], "--max-message")) {
      max_message = strtoull(value, NULL, 10);
    } else if (!strcmp(argv[i], "--handshake-timeout")) {
      handshake_timeout = atof(value);
    } else if (!strcmp(argv[i], "--idle-timeout")) {
      idle_timeout = atof(value);
    } else {
      fprintf(stderr, "unknown or without its value: %s\n", argv[i]);
      return 2;
    }
  }
  signal(SIGCHLD, SIG_IGN); /* nobody waits for the processes */
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
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pid_t child = fork();
    if (child < 0) perror("fork");
    if (child == 0) {
      close(listener);
      serve(fd);
      linger(fd);
      _exit(0);
    }
    close(fd);
  }
}
