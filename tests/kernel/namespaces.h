// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>

namespace groupcast {

// Addresses in host byte order.
constexpr uint32_t Ip(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

inline constexpr uint32_t kTxAddress = Ip(10, 99, 0, 1);
// Prefixes that the receiving host takes as its own: each address is a recipient.
inline constexpr uint32_t kOnLink = Ip(10, 99, 128, 0);        // /17
inline constexpr uint32_t kBehindGateway = Ip(10, 200, 0, 0);  // /16, by 10.99.0.2
inline constexpr char kRxMac[] = "02:00:00:00:00:02";

// A network namespace without a name: it is gone when nothing refers to it any more, also after a
// crash.
class NetworkNamespace {
 public:
  NetworkNamespace();
  ~NetworkNamespace();
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;

  // Why it could not be made; 0 if it was.
  int error() const { return error_; }
  // For `ip link … netns PATH`.
  std::string Path() const;

  // The calling thread is in it from now on.
  void Enter() const;
  // Runs `work` in it, on a thread of its own.
  void Run(const std::function<void()>& work) const;
  // Runs a shell command in it and returns its output; the test fails if the command does.
  std::string Shell(const std::string& command) const;
  // `name` as a path below /proc/sys/net.
  void Sysctl(const std::string& name, int value) const;

 private:
  int fd_ = -1;
  int error_ = 0;
};

// Two hosts and a wire between them: the test runs on tx (v0, 10.99.0.1/16), the recipients are on
// rx (v1).
class TwoHosts : public testing::Test {
 public:
  // Returns the path of a file with this text, until the next one is written.
  static std::string WriteFile(const std::string& text);

 protected:
  static const NetworkNamespace& tx();
  static const NetworkNamespace& rx();

  void SetUp() override;
  void TearDown() override;

  // groupcast_attach() with net_af_packet on v0; `arguments` are added to its device, `more` to the
  // file.
  static int TryAttach(const std::string& arguments = "", const std::string& more = "");
  static void Attach(const std::string& arguments = "", const std::string& more = "");

  // Runs a test of this binary whose name has DISABLED_ in a process of its own in tx, where EAL
  // has not started yet; fails the test if that one fails. `under` is a command in front of it.
  static void RunInAnotherProcess(const std::string& test, const std::string& under = "");

  // Whether `condition` became true in time.
  static bool Eventually(const std::function<bool()>& condition, int timeout_ms = 10000);

 private:
  bool made_ = false;
};

}  // namespace groupcast
