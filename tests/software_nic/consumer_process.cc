// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tests/software_nic/consumer_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <sstream>
#include <thread>
#include <utility>

namespace groupcast {
namespace {

constexpr int kAnswerMs = 10000;

}  // namespace

void ConsumerProcess::Start(const std::string& side, const std::string& socket_path,
                            const std::string& arguments, unsigned queues) {
  int in[2], out[2];
  ASSERT_EQ(pipe2(in, O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
  const std::string number = std::to_string(queues);
  pid_ = fork();
  ASSERT_GE(pid_, 0);
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    execl(CONSUMER, "consumer", side.c_str(), socket_path.c_str(), arguments.c_str(),
          number.c_str(), nullptr);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
  read_.clear();
}

void ConsumerProcess::WaitUntilReady() { ASSERT_EQ(ReadLine(), "ready"); }

void ConsumerProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  close(input_);
  close(output_);
  pid_ = -1;
}

std::string ConsumerProcess::ReadLine() {
  for (;;) {
    if (const size_t line = read_.find('\n'); line != std::string::npos) {
      std::string text = read_.substr(0, line);
      read_.erase(0, line + 1);
      return text;
    }
    pollfd wanted = {.fd = output_, .events = POLLIN, .revents = 0};
    char bytes[65536];
    ssize_t length = 0;
    if (poll(&wanted, 1, kAnswerMs) > 0) length = read(output_, bytes, sizeof(bytes));
    if (length <= 0) {
      ADD_FAILURE() << "the consumer says nothing";
      return "";
    }
    read_.append(bytes, static_cast<size_t>(length));
  }
}

std::vector<std::string> ConsumerProcess::Ask(const std::string& command) {
  const std::string line = command + "\n";
  if (write(input_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    ADD_FAILURE() << "the consumer is gone";
    return {};
  }
  std::vector<std::string> answer;
  for (std::string text; (text = ReadLine()) != "end" && !text.empty();) {
    answer.push_back(std::move(text));
  }
  return answer;
}

uint64_t ConsumerProcess::Frames() {
  const std::vector<std::string> answer = Ask("count");
  return answer.empty() ? 0 : std::stoull(answer[0]);
}

Account ConsumerProcess::WaitFor(uint64_t count, int patience_ms) {
  using Clock = std::chrono::steady_clock;
  auto last_came = Clock::now();
  for (uint64_t before = 0; !testing::Test::HasFatalFailure();) {
    const uint64_t frames = Frames();
    if (frames >= count) break;
    if (frames != before) last_came = Clock::now();
    if (Clock::now() - last_came > std::chrono::milliseconds(patience_ms)) break;
    before = frames;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  Account account;
  for (const std::string& text : Ask("account")) {
    std::istringstream line(text);
    std::string what;
    line >> what;
    if (what == "frames") {
      line >> account.frames >> account.bad;
      std::getline(line >> std::ws, account.first_bad);
    } else if (what == "descriptors") {
      unsigned descriptors = 0;
      line >> descriptors;
      line >> account.descriptors[descriptors];
    } else if (what == "vlan") {
      unsigned vlan = 0;
      line >> vlan;
      line >> account.vlans[vlan];
    } else if (what == "recipient") {
      FrameDestination to;
      line >> to.first >> to.second;
      Received& received = account.recipients[to];
      line >> received.datagrams >> received.hash;
    } else {
      ADD_FAILURE() << text;
    }
  }
  return account;
}

}  // namespace groupcast
