// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-perf/options.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <arpa/inet.h>
#include <rte_ether.h>

#include <bit>
#include <functional>
#include <tuple>
#include <utility>

#include "tools/command_line.h"
#include "tools/groupcast-perf/help.h"

namespace groupcast::perf {
namespace {

constexpr uint32_t kMostRecipients = 10'000'000;
constexpr uint32_t kMostGroups = 10'000;   // each with a descriptor of its own
constexpr uint32_t kMostUdpBytes = 65507;  // a UDP datagram over IPv4
constexpr uint32_t kIpUdpBytes = 28;
constexpr uint32_t kMostProducers = 128;  // threads that the engine has channels for

template <typename T>
struct Named {
  const char* name;
  T value;
};
constexpr Named<Mode> kModes[] = {{"sendgroup", Mode::kSendgroup},
                                  {"group", Mode::kGroup},
                                  {"async", Mode::kAsync},
                                  {"direct", Mode::kDirect}};
constexpr Named<PacketStrategy> kStrategies[] = {{"auto", PacketStrategy::kAuto},
                                                 {"chain", PacketStrategy::kChain},
                                                 {"copy", PacketStrategy::kCopy},
                                                 {"clone", PacketStrategy::kClone},
                                                 {"lazy-copy", PacketStrategy::kLazyCopy},
                                                 {"floor", PacketStrategy::kFloor},
                                                 {"written-floor", PacketStrategy::kWrittenFloor}};
constexpr Named<PrivateSource> kPrivateSources[] = {{"table", PrivateSource::kTable},
                                                    {"callback", PrivateSource::kCallback}};

template <typename T, size_t N>
const char* Find(const Named<T> (&names)[N], T value) {
  for (const Named<T>& named : names) {
    if (named.value == value) return named.name;
  }
  return "";
}

template <typename T, size_t N>
std::string Join(const Named<T> (&names)[N], const std::string& between) {
  std::string joined;
  for (const Named<T>& named : names) {
    absl::StrAppend(&joined, joined.empty() ? "" : between, named.name);
  }
  return joined;
}

}  // namespace

const char* NameOf(Mode mode) { return Find(kModes, mode); }
const char* NameOf(PacketStrategy strategy) { return Find(kStrategies, strategy); }
const char* NameOf(PrivateSource source) { return Find(kPrivateSources, source); }
std::string ModeNames(const std::string& between) { return Join(kModes, between); }
std::string StrategyNames(const std::string& between) { return Join(kStrategies, between); }

namespace {

// An option whose value is one of the words of `names`.
template <typename T, size_t N>
void DefineWord(const std::string& option, const Named<T> (&names)[N], const std::string& text,
                T* value, CLI::App* app) {
  std::vector<std::string> words;
  for (const Named<T>& named : names) words.emplace_back(named.name);
  const auto take = [value, &names](const std::string& word) {
    for (const Named<T>& named : names) {
      if (word == named.name) *value = named.value;
    }
  };
  app->add_option_function<std::string>(option, take, text)
      ->check(CLI::IsMember(words))
      ->default_str(NameOf(*value));
}

// Without a name: --help says what is allowed in the option's text.
CLI::Validator Holds(const std::string& what_if_not,
                     const std::function<bool(const std::string&)>& holds) {
  return CLI::Validator(
      [=](std::string& text) { return holds(text) ? "" : text + " " + what_if_not; }, "");
}

void DefineWorkload(Workload* workload, CLI::App* app) {
  DefineWord("--mode", kModes,
             "sendgroup: the C call; group: Group::Send() to a registered group; async: "
             "Group::SendAsync(); direct: one thread makes the engine's requests and is its lcore, "
             "without a channel between; one port, whose recipients are all behind --eth-peer",
             &workload->mode, app);
  DefineWord(
      "--strategy", kStrategies,
      "How packets get the payload. auto: what the engine ships; chain: all share it; copy: "
      "each has a copy. In mode direct there are others beside the engine's own: clone: each "
      "has an indirect mbuf on it; lazy-copy: each has a copy, and a packet that the driver has "
      "freed is taken back for another recipient, for whom only headers and private bytes are "
      "written; floor: what the driver takes by itself: heads are taken from a mempool, chained "
      "to it and sent, and nothing is written; written-floor: and each gets its recipient's "
      "headers, which lie ready, its private bytes, and the UDP checksum that depends on these",
      &workload->strategy, app);
  app->add_flag("--same-payload", workload->same_payload,
                "Strategy lazy-copy: every groupcast has the payload of the one before, which "
                "packets keep (without: a new one each, copied for the first recipients)");
  app->add_option("--recipients", workload->recipients, "Recipients of a groupcast")
      ->check(CLI::Range(1U, kMostRecipients))
      ->capture_default_str();
  app->add_option("--groups", workload->groups,
                  "Modes group and async: registered groups of each producer, each with so many "
                  "recipients of its own, that get groupcasts in turn")
      ->check(CLI::Range(1U, kMostGroups))
      ->capture_default_str();
  for (const auto& [name, bytes, text] :
       {std::tuple{"--payload", &workload->payload_bytes, "Bytes of the shared payload"},
        std::tuple{"--prepend", &workload->prepend_bytes, "Private bytes before it"},
        std::tuple{"--append", &workload->append_bytes, "Private bytes behind it"}}) {
    app->add_option(name, *bytes, text)
        ->check(CLI::Range(0U, kMostUdpBytes))
        ->capture_default_str();
  }
  DefineWord("--private-bytes", kPrivateSources,
             "Modes group and async. table: they lie in an array by the members' tags; callback: a "
             "function is asked for each member's",
             &workload->private_bytes, app);
  app->add_option("--rate", workload->groupcasts_per_second,
                  "Groupcasts a second of all producers together; 0: as fast as it goes")
      ->check(NumberFrom(0, 1e9))
      ->capture_default_str();
}

void DefineThreads(Options* options, CLI::App* app) {
  app->add_option("--producers", options->producers,
                  "Threads that send, pinned to the first CPUs that no lcore has, if any are left")
      ->check(CLI::Range(1U, kMostProducers))
      ->capture_default_str();
  app->add_option("--nb-cores", options->nb_cores,
                  "The engine's lcores: the last so many CPUs of the process, unless -l says which")
      ->check(CLI::Range(1U, 128U))
      ->capture_default_str();
  app->add_option("--burst", options->burst,
                  "Mode async: groupcasts under way for each producer; fewer where the engine has "
                  "no room for them")
      ->check(CLI::Range(1U, 65536U))
      ->capture_default_str();
  app->add_option("--txd", options->tx_descriptors,
                  "TX descriptors of each queue: a power of two (default: the driver profile's)")
      ->check(CLI::Range(64U, 32768U))
      ->check(Holds("is not a power of two", [](const std::string& text) {
        uint32_t number = 0;
        return absl::SimpleAtoi(text, &number) && std::has_single_bit(number);
      }));
  app->add_option_function<std::string>(
         "--idle", [options](const std::string& idle) { options->idle_polls = idle == "poll"; },
         "Of the engine. adaptive: an lcore without work sleeps; poll: it never does")
      ->check(CLI::IsMember({"adaptive", "poll"}))
      ->default_str("adaptive");
}

void DefineAddresses(Options* options, CLI::App* app) {
  app->add_option("--config", options->config,
                  "Engine configuration (YAML) instead of EAL arguments");
  app->add_option("--tx-ip", options->tx_ip,
                  "SRC,DST: DST is the first recipient's address, the others' count up from it; "
                  "SRC is the source of ports without a kernel interface")
      ->capture_default_str();
  app->add_option("--tx-udp", options->tx_udp, "SRC,DST: UDP ports; SRC 0: any that is free")
      ->capture_default_str();
  const auto is_mac = [](const std::string& text) {
    rte_ether_addr mac;
    return rte_ether_unformat_addr(text.c_str(), &mac) == 0 &&
           rte_is_valid_assigned_ether_addr(&mac);
  };
  app->add_option("--eth-peer", options->eth_peer,
                  "Where a port without a kernel interface sends its frames")
      ->check(Holds("is not the MAC of a host", is_mac))
      ->capture_default_str();
  app->add_option("--eth-src", options->eth_source, "From where it does")
      ->check(Holds("is not the MAC of a host", is_mac))
      ->capture_default_str();
  app->add_option("--mtu", options->mtu, "Its largest IP packet, in bytes")
      ->check(CLI::Range(68U, 65389U))
      ->capture_default_str();
}

void DefineReports(Options* options, CLI::App* app) {
  app->add_option("--seconds", options->seconds,
                  "How long to count, after 0.2 s of warm-up that are not counted; 0: until SIGINT "
                  "or SIGTERM, or `stop`")
      ->check(NumberFrom(0, 1e6))
      ->capture_default_str();
  app->add_option("--stats-period", options->stats_period_s,
                  "Seconds between statistics during a run; 0: none")
      ->check(NumberFrom(0, 86400))
      ->capture_default_str();
  app->add_flag("--latency", options->latency,
                "Measure from the call to the first and to the last packet at the port, when it "
                "is handed to the driver; modes sendgroup and group, one producer");
  app->add_option("--json", options->json,
                  "Write the results of the run to this file (with -i: of the last one)");
  app->add_flag("-i,--interactive", options->interactive,
                "A prompt with testpmd's verbs; `help` tells them");
}

absl::Status Wrong(const std::string& text) { return absl::InvalidArgumentError(text); }

absl::Status SplitPair(const std::string& option, const std::string& text,
                       std::pair<std::string, std::string>* pair) {
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  if (parts.size() != 2) {
    return Wrong(absl::StrCat(option, " ", text, ": is not SRC,DST"));
  }
  *pair = {parts[0], parts[1]};
  return absl::OkStatus();
}

// Mode direct, and what is for it only.
absl::Status CheckDirect(const Workload& workload, const Options& options) {
  const bool direct = workload.mode == Mode::kDirect;
  const char* strategy = NameOf(workload.strategy);
  if (IsPeer(workload.strategy) && !direct) {
    return Wrong(absl::StrCat("--strategy ", strategy, ": is not the engine's; use --mode direct"));
  }
  if (workload.same_payload && workload.strategy != PacketStrategy::kLazyCopy) {
    return Wrong("--same-payload: is for --strategy lazy-copy");
  }
  if (!direct) return absl::OkStatus();
  if (options.producers != 1) {
    return Wrong(absl::StrCat("--producers ", options.producers, ": mode direct has one thread"));
  }
  if (!options.config.empty()) {
    return Wrong("--config: mode direct has no engine; name its port before \"--\"");
  }
  if (IsPeer(workload.strategy) && workload.append_bytes > 0) {
    return Wrong(absl::StrCat("--append ", workload.append_bytes, ": strategy ", strategy,
                              " has none; use 0"));
  }
  return absl::OkStatus();
}

absl::Status ReadAddress(const std::string& text, in_addr_t* address) {
  in_addr read{};
  if (inet_pton(AF_INET, text.c_str(), &read) != 1) {
    return Wrong(absl::StrCat("--tx-ip: '", text, "' is not an IPv4 address"));
  }
  *address = read.s_addr;
  return absl::OkStatus();
}

absl::Status ReadUdpPort(const std::string& text, uint32_t least, in_port_t* port) {
  uint32_t read = 0;
  if (!absl::SimpleAtoi(text, &read) || read < least || read > UINT16_MAX) {
    return Wrong(
        absl::StrCat("--tx-udp: '", text, "' is not a UDP port from ", least, " to 65535"));
  }
  *port = htons(static_cast<uint16_t>(read));
  return absl::OkStatus();
}

}  // namespace

void DefineOptions(Options* options, CLI::App* app) {
  DefineWorkload(&options->workload, app);
  DefineThreads(options, app);
  DefineAddresses(options, app);
  DefineReports(options, app);
  // What the file says by itself.
  for (const char* other : {"--nb-cores", "--txd", "--idle", "--eth-peer", "--eth-src", "--mtu"}) {
    app->get_option("--config")->excludes(app->get_option(other));
  }
  app->name("groupcast-perf [EAL arguments] --");  // as --help's first line has it
  app->footer(kFooter);
}

absl::Status ReadFlow(Options* options) {
  Flow* flow = &options->flow;
  std::pair<std::string, std::string> ip, udp;
  absl::Status status = SplitPair("--tx-ip", options->tx_ip, &ip);
  if (status.ok()) status = SplitPair("--tx-udp", options->tx_udp, &udp);
  if (status.ok()) status = ReadAddress(ip.first, &flow->source);
  if (status.ok()) status = ReadAddress(ip.second, &flow->destination);
  if (status.ok()) status = ReadUdpPort(udp.first, 0, &flow->source_port);
  if (status.ok()) status = ReadUdpPort(udp.second, 1, &flow->destination_port);
  return status;
}

absl::Status CheckOptions(const Options& options) {
  if (options.workload.mode == Mode::kDirect && options.nb_cores != 1) {
    return Wrong(absl::StrCat("--nb-cores ", options.nb_cores, ": mode direct has one lcore"));
  }
  if (options.latency && options.producers != 1) {
    return Wrong(absl::StrCat("--latency: packets at the port can't be told apart for ",
                              options.producers, " producers; use --producers 1"));
  }
  return CheckWorkload(options.workload, options);
}

absl::Status CheckWorkload(const Workload& workload, const Options& options) {
  const absl::Status direct = CheckDirect(workload, options);
  if (!direct.ok()) return direct;
  if (workload.DatagramBytes() > kMostUdpBytes) {
    return Wrong(absl::StrCat("--prepend ", workload.prepend_bytes, ", --payload ",
                              workload.payload_bytes, " and --append ", workload.append_bytes,
                              " make ", workload.DatagramBytes(),
                              " bytes; a UDP datagram has at "
                              "most ",
                              kMostUdpBytes));
  }
  if (options.fixed_port && workload.DatagramBytes() + kIpUdpBytes > options.mtu) {
    return Wrong(absl::StrCat("--mtu ", options.mtu, ": datagrams of ", workload.DatagramBytes(),
                              " bytes need ", workload.DatagramBytes() + kIpUdpBytes));
  }
  if (options.latency && (workload.mode == Mode::kAsync || workload.mode == Mode::kDirect)) {
    return Wrong("--latency: is for the modes sendgroup and group");
  }
  if (workload.mode == Mode::kSendgroup && workload.strategy != PacketStrategy::kAuto &&
      !options.config.empty()) {
    return Wrong(absl::StrCat(
        "--strategy ", NameOf(workload.strategy),
        ": with --config and mode sendgroup the file's key 'copybreak' says it: 0 for chain, ",
        kMostUdpBytes, " for copy"));
  }
  const bool registered = workload.mode == Mode::kGroup || workload.mode == Mode::kAsync;
  if (workload.groups != 1 && !registered) {
    return Wrong(absl::StrCat("--groups ", workload.groups, ": is for the modes group and async"));
  }
  if (workload.AllRecipients() > kMostRecipients) {
    return Wrong(absl::StrCat("--groups ", workload.groups, " and --recipients ",
                              workload.recipients, " make ", workload.AllRecipients(),
                              " recipients; at most ", kMostRecipients));
  }
  const uint64_t last = ntohl(options.flow.destination) + workload.AllRecipients() - 1;
  if (options.flow.destination == 0 || last > UINT32_MAX ||
      IN_MULTICAST(static_cast<uint32_t>(last)) || last >= 0xe0000000U) {
    return Wrong(absl::StrCat("--tx-ip ", options.tx_ip, ": ", workload.AllRecipients(),
                              " recipients from there on are not all unicast addresses"));
  }
  return absl::OkStatus();
}

absl::Status SetOption(const std::string& word, const std::string& value, const Options& options,
                       Workload* workload) {
  Workload changed = *workload;
  CLI::App app;
  DefineWorkload(&changed, &app);
  try {
    app.parse(std::vector<std::string>{absl::StrCat("--", word, "=", value)});
  } catch (const CLI::ParseError& error) {
    return Wrong(error.what());
  }
  const absl::Status status = CheckWorkload(changed, options);
  if (status.ok()) *workload = changed;
  return status;
}

}  // namespace groupcast::perf
