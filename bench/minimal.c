// The least that a sender and a receiver can do: the calls of copycost's plain-send, two-copy and one-copy,
// and nothing else. bench/overhead.sh runs it beside copycost on the same veth pair.
//
//   minimal recv PORT CPU WARMUP_MS WINDOW_MS            listens, prints Gb/s of its window
//   minimal send ADDR PORT CPU PATH SIZE                 connects and sends until the receiver closes
//
// With COPYCOST_EVENTS=1 in the environment each end counts four software events of perf: what that costs.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FIELDS = 8, READ = 64 << 10 };

static atomic_int phase;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void next_phase(int signal) {
    (void)signal;
    atomic_fetch_add_explicit(&phase, 1, memory_order_relaxed);
}

static void alarm_in(long ms) {
    struct itimerval timer = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

// Where the policy is SCHED_FIFO, as under the instruction clock, the receiver takes one step back and the sender
// two, as copycost's workers do.
static void pin(int cpu, int steps) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity");
    struct sched_param rank;
    if (sched_getscheduler(0) != SCHED_FIFO) return;
    if (sched_getparam(0, &rank)) die("sched_getparam");
    rank.sched_priority -= steps;
    if (sched_setscheduler(0, SCHED_FIFO, &rank)) die("sched_setscheduler");
}

static void count_events(void) {
    static const int events[] = {PERF_COUNT_SW_DUMMY, PERF_COUNT_SW_CONTEXT_SWITCHES, PERF_COUNT_SW_CPU_MIGRATIONS,
                                 PERF_COUNT_SW_PAGE_FAULTS, PERF_COUNT_SW_TASK_CLOCK};
    int leader = -1;
    if (!getenv("COPYCOST_EVENTS")) return;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        struct perf_event_attr event = {
            .type = PERF_TYPE_SOFTWARE, .size = sizeof event, .config = events[i], .disabled = leader < 0};
        int fd = syscall(SYS_perf_event_open, &event, 0, -1, leader, 0);
        if (fd < 0) die("perf_event_open");
        if (leader < 0) leader = fd;
    }
    if (ioctl(leader, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP)) die("PERF_EVENT_IOC_ENABLE");
}

static int tcp(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0) die("socket");
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5)) die("TCP_CONGESTION");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return fd;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static unsigned long long receive_while(int fd, char *buffer, int current) {
    unsigned long long bytes = 0;
    while (atomic_load_explicit(&phase, memory_order_relaxed) == current) {
        ssize_t got = recv(fd, buffer, READ, 0);
        if (got == 0) exit(1);
        if (got < 0) {
            if (errno == EINTR) continue;
            die("recv");
        }
        bytes += got;
    }
    return bytes;
}

// Written, since memory that never was is one page of zeros, read from the first cache; and at a cache line.
static char *filled(size_t bytes) {
    char *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!memory) die("aligned_alloc");
    return memset(memory, 0xA5, bytes);
}

static void receiver(char **arg) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arg[0]))};
    int listener = tcp();
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1)) die("listen");
    pin(atoi(arg[1]), 1);
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) die("accept");
    char *buffer = filled(READ);
    count_events();
    signal(SIGALRM, next_phase);
    alarm_in(atol(arg[2]));
    receive_while(fd, buffer, 0);
    double started = now();
    alarm_in(atol(arg[3]));
    unsigned long long bytes = receive_while(fd, buffer, 1);
    printf("%.6f\n", bytes * 8 / (now() - started) / 1e9);
}

static void send_all(int fd, const char *bytes, size_t left) {
    while (left) {
        ssize_t sent = send(fd, bytes, left, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) continue;
            exit(0);
        }
        bytes += sent;
        left -= sent;
    }
}

static void sender(char **arg) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arg[1]))};
    if (inet_pton(AF_INET, arg[0], &address.sin_addr) != 1) die("address");
    pin(atoi(arg[2]), 2);
    const char *path = arg[3];
    size_t size = atol(arg[4]), field = size / FIELDS;
    char *fields[FIELDS], *staging = filled(size);
    struct iovec iov[FIELDS];
    for (int i = 0; i < FIELDS; i++) {
        size_t length = i < FIELDS - 1 ? field : size - field * (FIELDS - 1);
        iov[i] = (struct iovec){fields[i] = filled(length), length};
    }
    int fd = tcp();
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) die("connect");
    count_events();
    if (!strcmp(path, "plain-send")) {
        while (!atomic_load_explicit(&phase, memory_order_relaxed)) send_all(fd, staging, size);
    } else if (!strcmp(path, "two-copy")) {
        while (!atomic_load_explicit(&phase, memory_order_relaxed)) {
            char *end = staging;
            for (int i = 0; i < FIELDS; i++) end = mempcpy(end, fields[i], iov[i].iov_len);
            send_all(fd, staging, size);
        }
    } else if (!strcmp(path, "one-copy")) {
        while (!atomic_load_explicit(&phase, memory_order_relaxed)) {
            struct iovec left[FIELDS];
            memcpy(left, iov, sizeof iov);
            struct msghdr message = {.msg_iov = left, .msg_iovlen = FIELDS};
            while (message.msg_iovlen) {
                ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
                if (sent < 0) {
                    if (errno == EINTR) continue;
                    exit(0);
                }
                while (message.msg_iovlen && (size_t)sent >= message.msg_iov->iov_len) {
                    sent -= message.msg_iov->iov_len;
                    message.msg_iov++;
                    message.msg_iovlen--;
                }
                if (message.msg_iovlen) {
                    message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
                    message.msg_iov->iov_len -= sent;
                }
            }
        }
    } else {
        fprintf(stderr, "no path %s\n", path);
        exit(2);
    }
}

int main(int count, char **arg) {
    if (count == 6 && !strcmp(arg[1], "recv")) receiver(arg + 2);
    else if (count == 7 && !strcmp(arg[1], "send")) sender(arg + 2);
    else return fprintf(stderr, "see the head of minimal.c\n"), 2;
    return 0;
}
