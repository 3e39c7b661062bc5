// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#ifndef GROUPCAST_EXPORT_H_
#define GROUPCAST_EXPORT_H_

#define GROUPCAST_API __attribute__((visibility("default")))

#endif  // GROUPCAST_EXPORT_H_
