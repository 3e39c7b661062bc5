#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# relay_media_test.sh GROUPCASTD
#
# Real producers and players: ffmpeg to an address and to a multicast group, GStreamer to a
# source-specific one; each frame is decoded at several receivers, and what one gets is byte for byte
# what the producer sent. One group gives each receiver an RTP stream of its own.
. "$(dirname "$0")/_init.sh"
groupcastd=$1 sink=
tests=$(dirname "$(realpath "$0")")
. "$(dirname "$0")/_relay.sh"
frames=60

on_rx ip route add 224.0.0.0/4 dev v1
cat >"$dir/relay.yaml" <<END
ports: [{name: lan0, device: "net_af_packet0,iface=v0"}]
memory: {hugepages: off}
groups:
  - {name: unicast, ingress: 10.99.0.1:5004, members: [10.200.0.1:5004, 10.200.0.2:5014]}
  - name: multicast
    ingress: {address: 239.1.2.3:5104, interface: v0}
    members: [10.200.0.1:5104, 10.200.0.2:5114]
  - name: one_source
    ingress: {address: 232.1.2.3:5204, interface: v0, from: [10.99.0.2]}
    members: [10.200.0.1:5204, 10.200.0.2:5214]
  - {name: own, ingress: 10.99.0.1:5304, rtp: {}, members: [10.200.0.1:5304, 10.200.0.2:5314]}
END
start_relay 4 8
on_rx tcpdump -U -i v1 -B 16384 -w "$dir/frames.pcap" 'udp portrange 5004-5214' 2>"$dir/tcpdump.err" &
capture=$!
wait_for_line "$dir/tcpdump.err" 'listening on'

# "NAME UDP_PORT RECEIVER": ffmpeg that decodes what comes there.
declare -A players
play_ffmpeg() {
  printf '%s\n' v=0 "o=- 0 0 IN IP4 10.99.0.1" s=groupcast "c=IN IP4 10.200.0.$3" "t=0 0" \
    "m=video $2 RTP/AVP 96" "a=rtpmap:96 H264/90000" >"$dir/$1$3.sdp"
  on_rx ffmpeg -nostdin -hide_banner -protocol_whitelist file,rtp,udp -threads 1 -flags low_delay \
    -i "$dir/$1$3.sdp" -fps_mode passthrough -f null - >"$dir/$1$3.log" 2>&1 &
  players[$1$3]=$!
}
play_gstreamer() {
  on_rx gst-launch-1.0 -v udpsrc "address=10.200.0.$3" "port=$2" \
    caps=application/x-rtp,media=video,clock-rate=90000,encoding-name=JPEG,payload=26 ! \
    rtpjpegdepay ! jpegdec ! fakesink silent=false sync=false >"$dir/$1$3.log" 2>&1 &
  players[$1$3]=$!
}
# "NAME DESTINATION OPTIONS"
produce_ffmpeg() {
  on_rx ffmpeg -nostdin -hide_banner -loglevel error -re -f lavfi \
    -i testsrc2=size=320x240:rate=30 -frames:v $frames -c:v libx264 -preset veryfast \
    -tune zerolatency -g 15 -pix_fmt yuv420p -f rtp "rtp://$2?pkt_size=1316$3" \
    >"$dir/$1.log" 2>&1
}
for receiver in 1 2; do
  play_ffmpeg unicast $((4994 + 10 * receiver)) $receiver
  play_ffmpeg multicast $((5094 + 10 * receiver)) $receiver
  play_ffmpeg own $((5294 + 10 * receiver)) $receiver
  play_gstreamer one_source $((5194 + 10 * receiver)) $receiver
done
for udp_port in 5004 5014 5104 5114 5204 5214 5304 5314; do
  for ((i = 0; i < 200; i++)); do
    on_rx grep -q ":$(printf '%04X' $udp_port) " /proc/net/udp && continue 2
    sleep 0.05
  done
  fail "nobody plays at port $udp_port"
done
produce_ffmpeg unicast_producer 10.99.0.1:5004 '' &
unicast_producer=$!
produce_ffmpeg own_producer 10.99.0.1:5304 '' &
own_producer=$!
produce_ffmpeg multicast_producer 239.1.2.3:5104 '&localaddr=10.99.0.2&ttl=4' &
multicast_producer=$!
on_rx gst-launch-1.0 videotestsrc num-buffers=$frames is-live=true ! \
  video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! jpegenc ! rtpjpegpay ! \
  udpsink host=232.1.2.3 port=5204 multicast-iface=v1 bind-address=10.99.0.2 sync=true \
  >"$dir/gst.log" 2>&1 || fail "GStreamer" "$dir/gst.log"
wait $unicast_producer || fail "ffmpeg to an address" "$dir/unicast_producer.log"
wait $own_producer || fail "ffmpeg to a group of RTP" "$dir/own_producer.log"
wait $multicast_producer || fail "ffmpeg to a multicast group" "$dir/multicast_producer.log"
# "NAME": how many frames that player has decoded.
decoded() {
  if [[ $1 == one_source* ]]; then
    grep -c 'fakesink0: last-message = chain' "$dir/$1.log"
  else
    tr '\r' '\n' <"$dir/$1.log" | sed -n 's/^frame= *\([0-9]*\) .*/\1/p' | tail -n 1
  fi
}
# ffmpeg tells the last ones when it ends.
for name in "${!players[@]}"; do
  for ((i = 0; i < 100; i++)); do
    shown=$(decoded "$name")
    ((${shown:-0} >= frames - 20)) && break
    sleep 0.1
  done
done
sleep 1
# Children of the shells that entered the receivers' host.
for name in "${!players[@]}"; do pkill -INT -P "${players[$name]}"; done
for name in "${!players[@]}"; do wait "${players[$name]}"; done
pkill -P $capture
wait $capture

for name in "${!players[@]}"; do
  [[ $(decoded "$name") == "$frames" ]] ||
    fail "$name decoded $(decoded "$name") of $frames frames" "$dir/$name.log"
done
for case in 5004:10.99.0.1 5104:239.1.2.3 5204:232.1.2.3; do
  udp_port=${case%%:*}
  python3 "$tests/same_payloads.py" "$dir/frames.pcap" "${case#*:}:$udp_port" \
    "10.200.0.1:$udp_port" "10.200.0.2:$((udp_port + 10))" || fail "the bytes to port $udp_port"
done
kill -TERM $relay
wait $relay || fail "groupcastd ends with $?" "$dir/relay.err"
expect "RTP of its own for each" "$dir/relay.out" '^groupcastd: summary group=own' errors=0 dropped=none
expect "all by the engine" "$dir/relay.out" '^groupcastd: summary total' kernel=0 errors=0 overflow=0
finish
