// The least that a request and its answer take: a message of SIZE bytes by the calls of copycost's plain-send, an answer
// of 8 bytes, the next message; two reads of the clock for each. bench/latency.sh runs it beside copycost on the same
// veth pair.
//
//   pingpong serve PORT CPU SIZE                         listens, answers until the client closes
//   pingpong ask ADDR PORT CPU SIZE WARMUP_MS WINDOW_MS  connects, prints the median and the mean, us
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ = 64 << 10, ANSWER = 8, SLOTS = 4 << 20 };

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int tcp(const char *cpu) {
    cpu_set_t set;
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    CPU_ZERO(&set);
    CPU_SET(atoi(cpu), &set);
    if (sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity");
    if (fd < 0) die("socket");
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5)) die("TCP_CONGESTION");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return fd;
}

static void serve(const char *port, const char *cpu, size_t size) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    int listener = tcp(cpu), on = 1;
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 1)) die("listen");
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) die("accept");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char *buffer = aligned_alloc(64, READ), answer[ANSWER] = {0};
    memset(buffer, 1, READ);
    for (size_t got = 0;;) {
        ssize_t bytes = recv(fd, buffer, READ, 0);
        if (bytes <= 0) return;
        for (got += bytes; got >= size; got -= size)
            if (send(fd, answer, ANSWER, 0) != ANSWER) die("send");
    }
}

static int ascending(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

static void ask(const char *address, const char *port, const char *cpu, size_t size, long warmup, long window) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    int fd = tcp(cpu);
    if (inet_pton(AF_INET, address, &there.sin_addr) != 1) die("inet_pton");
    if (connect(fd, (struct sockaddr *)&there, sizeof there)) die("connect");
    char *message = aligned_alloc(64, (size + 63) / 64 * 64), answer[ANSWER];
    uint64_t *times = calloc(SLOTS, sizeof *times), count = 0, sum = 0;
    memset(message, 1, size);
    uint64_t begin = now() + warmup * 1000000, end = begin + window * 1000000;
    for (uint64_t sent = now(); sent < end && count < SLOTS; sent = now()) {
        for (size_t done = 0; done < size;) {
            ssize_t bytes = send(fd, message + done, size - done, 0);
            if (bytes < 0) die("send");
            done += bytes;
        }
        for (size_t got = 0; got < ANSWER;) {
            ssize_t bytes = recv(fd, answer + got, ANSWER - got, 0);
            if (bytes <= 0) die("recv");
            got += bytes;
        }
        uint64_t took = now() - sent;
        if (sent >= begin) sum += times[count++] = took;
    }
    if (!count) return;
    qsort(times, count, sizeof *times, ascending);
    printf("%.3f %.3f\n", times[count / 2] / 1e3, sum / 1e3 / count);
}

int main(int count, char **word) {
    if (count == 5 && !strcmp(word[1], "serve")) return serve(word[2], word[3], atol(word[4])), 0;
    if (count == 8 && !strcmp(word[1], "ask"))
        return ask(word[2], word[3], word[4], atol(word[5]), atol(word[6]), atol(word[7])), 0;
    fprintf(stderr, "usage: pingpong serve PORT CPU SIZE | ask ADDR PORT CPU SIZE WARMUP_MS WINDOW_MS\n");
    return 2;
}
