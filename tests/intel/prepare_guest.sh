#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# prepare_guest.sh FOLDER
#
# What the guests of this folder boot, once: Debian's kernel and some of its modules, unpacked and not
# installed, in FOLDER/vmlinux and FOLDER/initramfs; and, in FOLDER/qemu-new, a QEMU that has the igb
# (Debian 12's has not), from Debian's backports, likewise unpacked only. Where that can't be had,
# FOLDER/no-igb says why. Nothing is done where FOLDER/ready tells of the same kernel and this script.
set -euo pipefail
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9

# The name of the newest one as a package; without package lists there is none.
newest() { apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1; }
image=$(newest)
[[ -n $image ]] || { apt-get -q update >"$folder/apt.log" 2>&1; image=$(newest); }
[[ -n $image ]] || { echo "prepare_guest.sh: apt knows no linux-image-amd64" >&2; exit 1; }
stamp="$image $(cat "$here/prepare_guest.sh" "$here/guest_init" | sha256sum)"
[[ $(cat "$folder/ready" 2>/dev/null) != "$stamp" ]] || exit 0
rm -rf "$folder"/{ready,work,vmlinux,initramfs,qemu-new,no-igb}
work=$folder/work
mkdir -p "$work"/{deb,kernel,ramfs/{bin,dev,host,modules,proc,sys}}

version=${image#linux-image-}
# In the order in which they need each other.
modules=(
  drivers/virtio/{virtio_ring,virtio,virtio_pci_modern_dev,virtio_pci_legacy_dev,virtio_pci}
  fs/netfs/netfs fs/fscache/fscache net/9p/{9pnet,9pnet_virtio} fs/9p/9p
  drivers/uio/{uio,uio_pci_generic}
  virt/lib/irqbypass drivers/vfio/{vfio,vfio_virqfd,vfio_iommu_type1} drivers/vfio/pci/{vfio-pci-core,vfio-pci}
  drivers/net/tun net/llc/llc net/802/stp net/802/{garp,mrp} net/8021q/8021q
  drivers/pps/pps_core drivers/ptp/ptp drivers/net/ethernet/intel/e1000e/e1000e
  drivers/dca/dca drivers/i2c/{i2c-core,algos/i2c-algo-bit} drivers/net/ethernet/intel/igb/igb
)
# Those that only exist as part of others do not count.
fetch_kernel() {
  (cd "$work/deb" && apt-get -q download "$image")
  dpkg-deb --fsys-tarfile "$work"/deb/linux-image-*.deb >"$work/kernel.tar"
  local all module
  all=$(tar -tf "$work/kernel.tar")
  local wanted=("./boot/vmlinuz-$version")
  for module in "${modules[@]}"; do
    module="./lib/modules/$version/kernel/$module.ko"
    [[ $'\n'$all$'\n' != *$'\n'"$module"$'\n'* ]] || wanted+=("$module")
  done
  tar -xf "$work/kernel.tar" -C "$work/kernel" "${wanted[@]}"
}
(fetch_kernel) >>"$folder/apt.log" 2>&1 || { cat "$folder/apt.log" >&2; exit 1; }

# The kernel itself, uncompressed: unpacking would be most of an emulated boot.
python3 - "$work/kernel/boot/vmlinuz-$version" "$folder/vmlinux" <<'END'
import lzma
import sys
with open(sys.argv[1], 'rb') as file:
    image = file.read()
kernel = lzma.LZMADecompressor().decompress(image[image.index(b'\xfd7zXZ\x00'):])
with open(sys.argv[2], 'wb') as file:
    file.write(kernel)
END

number=100
for module in "${modules[@]}"; do
  file=$work/kernel/lib/modules/$version/kernel/$module.ko
  [[ ! -f $file ]] || strip -g -o "$work/ramfs/modules/$number-$(basename "$module").ko" "$file"
  number=$((number + 1))
done
cp "$(command -v busybox)" "$work/ramfs/bin/busybox"
ln -s busybox "$work/ramfs/bin/sh"
install -m 755 "$here/guest_init" "$work/ramfs/init"
(cd "$work/ramfs" && find . | cpio --quiet -o -H newc) >"$folder/initramfs"

# With package lists of its own: the machine's sources stay as they are.
fetch_qemu() {
  local lists=$work/apt
  mkdir -p "$lists"/{lists/partial,cache/archives/partial} "$work/qemu-deb"
  awk 'BEGIN { RS = ""; ORS = "\n\n" }
       { sub(/Suites: bookworm bookworm-updates/, "Suites: bookworm-backports") }
       /bookworm-backports/' /etc/apt/sources.list.d/debian.sources >"$lists/backports.sources"
  [[ -s $lists/backports.sources ]] || { echo "no mirror of Debian's in debian.sources"; return 1; }
  mkdir "$lists/parts"
  mv "$lists/backports.sources" "$lists/parts/"
  local options=(-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$lists/parts"
    -o "Dir::State::lists=$lists/lists" -o "Dir::Cache=$lists/cache")
  apt-get "${options[@]}" update &&
    (cd "$work/qemu-deb" && apt-get "${options[@]}" download -t bookworm-backports qemu-system-x86 \
      qemu-system-common qemu-system-data seabios) || return 1
  local package
  for package in "$work"/qemu-deb/*.deb; do dpkg-deb -x "$package" "$folder/qemu-new" || return 1; done
  # Not with the modules of an older one.
  QEMU_MODULE_DIR=$folder/qemu-new/usr/lib/x86_64-linux-gnu/qemu \
    "$folder/qemu-new/usr/bin/qemu-system-x86_64" -L "$folder/qemu-new/usr/share/qemu" -device igb,help
}
if ! fetch_qemu >"$folder/qemu.log" 2>&1; then
  rm -rf "$folder/qemu-new"
  { echo "the QEMU of bookworm-backports, which has an igb, can't be had:"; tail -3 "$folder/qemu.log"; } >"$folder/no-igb"
fi
rm -rf "$work"
echo "$stamp" >"$folder/ready"
