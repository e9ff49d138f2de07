/*
 * Stand-in for an HVM guest's device model: answers what libxl asks over QMP, and has no device.
 * libxl asks for the character devices and lets the guest run (query-chardev, cont in
 * tools/libs/light/libxl_dm.c and libxl_qmp.c); an empty answer is enough for each.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void answer(FILE *peer)
{
    char line[4096];
    fputs("{\"QMP\":{\"version\":{\"qemu\":{\"major\":7,\"minor\":2,\"micro\":0},\"package\":\"\"},"
          "\"capabilities\":[]}}\r\n", peer);
    fflush(peer);
    while (fgets(line, sizeof line, peer)) {
        const char *id = strstr(line, "\"id\":"), *list = strstr(line, "query-chardev");
        long number = 0;
        if (id)
            sscanf(id + 5, "%ld", &number);
        fseek(peer, 0, SEEK_CUR);
        fprintf(peer, "{\"return\":%s,\"id\":%ld}\r\n", list ? "[]" : "{}", number);
        fflush(peer);
    }
}

int main(int count, char **words)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int server = socket(AF_UNIX, SOCK_STREAM, 0), peer;
    if (count != 2 || strlen(words[1]) >= sizeof at.sun_path)
        return 2;
    strcpy(at.sun_path, words[1]);
    unlink(words[1]);
    if (bind(server, (struct sockaddr *)&at, sizeof at) || listen(server, 4)) {
        perror(words[1]);
        return 1;
    }
    while ((peer = accept(server, NULL, NULL)) >= 0)
        if (!fork()) {
            answer(fdopen(peer, "r+"));
            return 0;
        } else
            close(peer);
    return 1;
}
