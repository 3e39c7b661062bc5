// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// The C headers in a C99 program.
#include <errno.h>
#include <groupcast/sendgroup.h>
#include <groupcast/statistics.h>
#include <stdio.h>

static int failures = 0;

static void Expect(int holds, const char* what) {
  if (holds) return;
  printf("FAILED: %s\n", what);
  failures++;
}

int main(void) {
  struct giobuf four = {{0, 0}, {{{0}, {0, 0}, {0, 0}}}};
  struct giobuf6 six = {{0, 0}, {{{0}, {0, 0}, {0, 0}}}};
  Expect(sendgroup(-1, &four, 1, 0, NULL) == -1 && errno == EBADF, "sendgroup()");
  errno = 0;
  Expect(sendgroup6(-1, &six, 1, 0, NULL) == -1 && errno == EBADF, "sendgroup6()");
  Expect(groupcast_counters(NULL, 0) > 0, "groupcast_counters()");
  return failures == 0 ? 0 : 1;
}
