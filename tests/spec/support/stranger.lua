--- A user with no process of its own: limits on the number of processes do not
-- hold for root, and count what else a user runs.
local processes = require "spec.support.processes"

local stranger = {}

local function read_command(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read("l")
end

local own = math.tointeger(tonumber(read_command("id -u")))

--- Who that is: ourselves, where we are not root. Else one for each process
-- that asks, as another run at the same time may ask, too.
stranger.uid = own == 0 and 20000 + processes.own_pid() % 40000 or own

--- A script for bash, run as that user: becomes its arguments, which may have
-- so many threads, their own included. What else the user has is counted by
-- bash alone, without a process more.
stranger.limit = [[
  others=-1
  for status in /proc/[0-9]*/status; do
    mine=
    while read -r name value _; do
      case $name in
        Uid:) [ "$value" -ne "$UID" ] || mine=1 ;;
        Threads:) others=$((others + ${mine:-0} * value)) ;;
      esac
    done <"$status"
  done 2>/dev/null
  ulimit -u $((others + %d)) && exec "$@"
]]

-- The first of the capabilities to read whatever there is that we may have.
local function reading()
  local bound = tonumber(processes.read("self", "status")
                         :match("CapBnd:%s*(%x+)"), 16)
  if bound & 1 << 2 ~= 0 then return "dac_read_search" end
  return bound & 1 << 1 ~= 0 and "dac_override"
end

--- What goes before a command, so that it is that user's. It may read what we
-- may: a checkout can lie in a folder that is root's alone.
stranger.prefix = ""
if own == 0 then
  local name = reading()
  stranger.prefix = ("setpriv --reuid %d --regid %d --clear-groups")
    :format(stranger.uid, stranger.uid)
    .. (name and (" --inh-caps +%s --ambient-caps +%s"):format(name, name)
        or "")
end

return stranger
