#include "cpu.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int affinity(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  /* More processors than the set holds: ask without it. */
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1 : (int)n;
}

/* Reads up to two numbers; "max" counts as none. How many were read. */
static int read_numbers(const char *path, double *a, double *b) {
  char line[128], *end;
  FILE *f = fopen(path, "re");
  if (f == NULL) return 0;
  char *got = fgets(line, sizeof line, f);
  fclose(f);
  if (got == NULL) return 0;
  *a = strtod(line, &end);
  if (end == line) return 0;
  got = end;
  *b = strtod(got, &end);
  return end == got ? 1 : 2;
}

/* Where below /sys/fs/cgroup this process stands, or "" at the root. */
static void own_group(char *path, size_t size) {
  char line[512];
  path[0] = '\0';
  FILE *f = fopen("/proc/self/cgroup", "re");
  if (f == NULL) return;
  while (fgets(line, sizeof line, f) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "0::/", 4) == 0 && line[4] != '\0')
      snprintf(path, size, "%s", line + 3);
  }
  fclose(f);
}

/* The tightest quota on the way from our group up to the root, in processors;
 * 0 for none. */
static double quota_v2(void) {
  char group[512], path[600];
  double least = 0, quota, period;
  own_group(group, sizeof group);
  for (;;) {
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
    if (read_numbers(path, &quota, &period) == 2 && period > 0) {
      double cpus = quota / period;
      if (least <= 0 || cpus < least) least = cpus;
    }
    char *slash = strrchr(group, '/');
    if (slash == NULL) return least;
    *slash = '\0';
  }
}

static double quota_v1(void) {
  double quota, period, none;
  if (read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota, &none) < 1 ||
      read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period, &none) < 1)
    return 0;
  return quota > 0 && period > 0 ? quota / period : 0;
}

int tdm_cpu_count(void) {
  int n = affinity();
  double quota = quota_v2();
  if (quota <= 0) quota = quota_v1();
  if (quota > 0 && quota < n) {
    int up = (int)quota;
    n = up < quota ? up + 1 : up;
  }
  return n < 1 ? 1 : n;
}
