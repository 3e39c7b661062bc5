// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Groupcast in C++: registered groups, payloads without copies, asynchronous sends.
//
//   #include <groupcast/groupcast.h>
//
//   absl::StatusOr<groupcast::Engine> engine = groupcast::Engine::Open("engine.yaml");
//   absl::StatusOr<groupcast::Group> group = groupcast::Group::Create(sd);
//   group->Add({*groupcast::Recipient::Parse("192.0.2.10:5004"), …});
//   absl::StatusOr<groupcast::Payload> payload = groupcast::Payload::Copy(bytes);
//   absl::StatusOr<groupcast::SendResult> sent = group->Send(*payload);
//
// Without an engine everything is sent by the kernel, on any machine and without privileges; with
// one, those members that its ports reach leave through DPDK. What arrives is the same.
//
// The C call, sendgroup(), is in <groupcast/sendgroup.h>: for recipients that change from call to
// call it is the right one, from C++ too.
#ifndef GROUPCAST_GROUPCAST_H_
#define GROUPCAST_GROUPCAST_H_

#include "groupcast/completion.h"
#include "groupcast/engine.h"
#include "groupcast/group.h"
#include "groupcast/ingress.h"
#include "groupcast/payload.h"
#include "groupcast/recipient.h"
#include "groupcast/sendgroup.h"
#include "groupcast/statistics.h"

#endif  // GROUPCAST_GROUPCAST_H_
