# What this machine is, as the JSON that the bastion decides by: awk -v sys=/sys -v proc=/proc -f inventory.awk
# Nothing is written to any disk here. One awk instead of a shell script, since it starts two processes, not a hundred.

BEGIN {
  read_disks()
  read_disk_names()
  printf "{\"firmware\":\"%s\",\"memoryMiB\":%d,\"cpus\":%d", firmware(), memory_mib(), count_cpus()
  printf ",\"product\":%s,\"serial\":%s", text(dmi("product_name")), text(dmi("product_serial"))
  printf ",\"disks\":[%s],\"nics\":[%s]}\n", disks(), nics()
}

function firmware() {
  return first_line(sys "/firmware/efi/fw_platform_size") == "" ? "bios-x86" : "uefi-x64"
}

# Installed memory. MemTotal lacks what kernel and firmware took, so that a 2 GiB machine would seem too small;
# the kernel manages memory in blocks, and those it counts whole.
function memory_mib(    block, command, line, count) {
  block = first_line(sys "/devices/system/memory/block_size_bytes")
  if (block == "") {
    while ((getline line < (proc "/meminfo")) > 0) {
      if (line ~ /^MemTotal:/) { gsub(/[^0-9]/, "", line); return line / 1024 }
    }
  }
  command = "ls " sys "/devices/system/memory"
  while ((command | getline line) > 0) if (line ~ /^memory[0-9]/) count++
  return count * (hexadecimal(block) / 1048576)
}

function hexadecimal(digits,    value, i) {
  for (i = 1; i <= length(digits); i++) value = value * 16 + index("0123456789abcdef", substr(digits, i, 1)) - 1
  return value
}

function count_cpus(    line, count) {
  while ((getline line < (proc "/cpuinfo")) > 0) if (line ~ /^processor/) count++
  return count
}

function dmi(name) {
  return first_line(sys "/class/dmi/id/" name)
}

function first_line(file,    line) {
  line = ""
  getline line < file
  close(file)
  return line
}

# A disk's row comes before those of what lies on it; lsblk writes quotes, dollars and backslashes as \xNN.
function read_disks(    command, row, disk) {
  command = "lsblk --bytes --pairs --output NAME,TYPE,SIZE,MODEL,SERIAL,WWN,RM,RO,TRAN,FSTYPE,PTTYPE,UUID,PARTLABEL"
  while ((command | getline row) > 0) {
    if (field(row, "TYPE") == "disk") {
      disk = field(row, "NAME")
      # RAM, network block devices and floppies call themselves disks, too.
      if (disk !~ /^(zram|ram|nbd|fd)[0-9]/) { rows[++disk_count] = row; names[disk_count] = disk }
    }
    add_signature(disk, field(row, "FSTYPE"))
    add_signature(disk, field(row, "PTTYPE"))
    if (field(row, "TYPE") ~ /^(disk|part)$/) add_filesystem(disk, row)
  }
}

function field(row, name) {
  if (!match(row, "(^| )" name "=\"[^\"]*\"")) return ""
  row = substr(row, RSTART, RLENGTH)
  sub(/^ ?[A-Z]+="/, "", row)
  sub(/"$/, "", row)
  return row
}

function add_signature(disk, signature) {
  if (signature == "" || (disk, signature) in has_signature) return
  has_signature[disk, signature] = 1
  signatures[disk] = signatures[disk] (signatures[disk] == "" ? "" : ",") text(signature)
}

# What belongs to an array or a volume group has a UUID, too, but that is not one to mount by.
function add_filesystem(disk, row,    type, uuid) {
  type = field(row, "FSTYPE")
  uuid = field(row, "UUID")
  if (type == "" || type ~ /_member$/ || uuid !~ /^[0-9A-Fa-f-]+$/ || length(uuid) > 36) return
  filesystems[disk] = filesystems[disk] (filesystems[disk] == "" ? "" : ",") "{\"device\":" text("/dev/" field(row, "NAME")) \
    ",\"type\":" text(type) ",\"uuid\":" text(uuid) ",\"partitionName\":" text(field(row, "PARTLABEL")) "}"
}

# The lines of ls end in "NAME -> ../../DEVICE".
function read_disk_names(    command, line, words, count) {
  command = "ls -l /dev/disk/by-path 2>/dev/null"
  while ((command | getline line) > 0) {
    count = split(line, words, " ")
    if (count < 3 || words[count - 1] != "->") continue
    sub(/.*\//, "", words[count])
    disk_paths[words[count]] = disk_paths[words[count]] (disk_paths[words[count]] == "" ? "" : ",") text(words[count - 2])
  }
}

function disks(    i, row, all) {
  for (i = 1; i <= disk_count; i++) {
    row = rows[i]
    all = all (i > 1 ? "," : "") "{\"path\":" text("/dev/" names[i]) ",\"bytes\":" field(row, "SIZE") \
      ",\"model\":" text(field(row, "MODEL")) ",\"serial\":" text(field(row, "SERIAL")) \
      ",\"wwn\":" text(field(row, "WWN")) ",\"idPaths\":[" disk_paths[names[i]] "]" \
      ",\"isRemovable\":" claim(field(row, "RM")) ",\"isReadOnly\":" claim(field(row, "RO")) \
      ",\"transport\":" text(field(row, "TRAN")) ",\"signatures\":[" signatures[names[i]] "]" \
      ",\"filesystems\":[" filesystems[names[i]] "]}"
  }
  return all
}

# Ethernet cards, as ip shows them one a line; LOWER_UP is carrier.
function nics(    command, line, name, mac, all) {
  command = "ip -oneline link show"
  while ((command | getline line) > 0) {
    if (!match(line, /link\/ether [0-9a-f:]+/)) continue
    mac = substr(line, RSTART + 11, RLENGTH - 11)
    name = line
    sub(/^[0-9]+: /, "", name)
    sub(/[:@].*/, "", name)
    all = all (all == "" ? "" : ",") "{\"name\":" text(name) ",\"mac\":" text(mac) \
      ",\"hasCarrier\":" (line ~ /LOWER_UP/ ? "true" : "false") "}"
  }
  return all
}

function claim(value) {
  return value == "1" ? "true" : "false"
}

# A JSON string without blanks at its ends; what is not printable ASCII is left out. Letter by letter where it
# matters: awks disagree on backslashes in a replacement.
function text(value,    i, letter, escaped) {
  gsub(/[^ -~]/, "", value)
  sub(/^ +/, "", value)
  sub(/ +$/, "", value)
  if (value !~ /["\\]/) return "\"" value "\""
  for (i = 1; i <= length(value); i++) {
    letter = substr(value, i, 1)
    escaped = escaped (letter == "\"" || letter == "\\" ? "\\" : "") letter
  }
  return "\"" escaped "\""
}
