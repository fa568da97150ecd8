# Reads `efibootmgr --verbose` and says which entries are dead, and in which order UEFI is to try the others.
#   awk -v wanted=dead  -v label=LABEL -v partitions="GUID GUID…" -f boot-order.awk: one entry number per line
#   awk -v wanted=order -v label=LABEL -v mac=525400770011 -f boot-order.awk: XXXX,XXXX,…

/^BootCurrent: / { current = $2 }
/^BootOrder: / { count = split($2, listed, ",") }
/^Boot[0-9A-F][0-9A-F][0-9A-F][0-9A-F]/ {
  number = substr($0, 5, 4)
  rest = substr($0, 9)
  sub(/^\*? ?/, "", rest)
  # Name and device path are parted by a tab.
  split(rest, parts, "\t")
  names[number] = parts[1]
  paths[number] = parts[2]
  numbers[++entries] = number
}

END {
  if (wanted == "dead") print_dead()
  else print_order()
}

# Ours of earlier deploys, and what starts from a partition that no disk has any more: both only lengthen the menu.
function print_dead(    i, number) {
  for (i = 1; i <= entries; i++) {
    number = numbers[i]
    if (names[number] == label || is_gone(paths[number])) print number
  }
}

function is_gone(path,    guid) {
  if (!match(path, /HD\([0-9]+,GPT,[0-9a-fA-F-]+/)) return 0
  guid = substr(path, RSTART, RLENGTH)
  sub(/.*,/, "", guid)
  return index(" " partitions " ", " " tolower(guid) " ") == 0
}

# First the network card that this machine has just started from, then our disk: so it asks the bastion at each start.
# Everything else follows as the firmware had it; IPv6 and HTTP in front of the disk would cost minutes of timeouts.
function print_order(    i) {
  add(first_network())
  for (i = 1; i <= entries; i++) if (names[numbers[i]] == label) add(numbers[i])
  for (i = 1; i <= count; i++) add(listed[i])
  print order
}

function add(number) {
  if (number == "" || !(number in paths) || number in added) return
  added[number] = 1
  order = order (order == "" ? "" : ",") number
}

function first_network(    i, number, any) {
  if (paths[current] ~ /MAC\(/) return current
  for (i = 1; i <= entries; i++) {
    number = numbers[i]
    if (paths[number] !~ /MAC\(/) continue
    if (any == "") any = number
    if (index(tolower(paths[number]), "mac(" mac) && paths[number] ~ /IPv4\(/ && paths[number] !~ /Uri\(/) return number
  }
  return any
}
