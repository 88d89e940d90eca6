/* The smallest possible service: records its start and that it listens as the test service does, accepts
 * connections and closes them. Ten thousand of it fit into memory. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int trace = -1;

static void note(const char *event) {
    struct timespec now;
    char line[80];
    clock_gettime(CLOCK_MONOTONIC, &now);
    int length = snprintf(line, sizeof line, "%s %d %lld\n", event, (int)getpid(),
                          now.tv_sec * 1000000000LL + now.tv_nsec);
    if (trace >= 0 && write(trace, line, length) != length) _exit(3);
}

int main(int count, char **words) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    for (int i = 1; i + 1 < count; i += 2) {
        if (!strcmp(words[i], "--trace")) {
            trace = open(words[i + 1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
            note("start");
        } else if (!strcmp(words[i], "--listen")) {
            char *port = strrchr(words[i + 1], ':');
            if (!port) return 2;
            *port = 0;
            inet_pton(AF_INET, words[i + 1], &address.sin_addr);
            address.sin_port = htons(atoi(port + 1));
        }
    }
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128)) {
        perror("listen");
        return 1;
    }
    note("listening");
    close(trace);
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection >= 0) close(connection);
    }
}
