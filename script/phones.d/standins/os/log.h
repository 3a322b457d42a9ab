/* Stand-in for Apple's header: what SQLCipher calls. */
#pragma once
typedef struct os_log_s *os_log_t;
extern struct os_log_s _os_log_default;
#define OS_LOG_DEFAULT (&_os_log_default)
void _os_log_standin(os_log_t log, const char *format, ...);
#define os_log(log, format, ...) _os_log_standin((log), (format), ##__VA_ARGS__)
