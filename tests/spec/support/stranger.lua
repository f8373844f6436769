--- A user with no process of its own: limits on the number of processes do not
-- hold for root, and count what else a user runs.
local stranger = {}

local function read_command(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read("l")
end

local own = math.tointeger(tonumber(read_command("id -u")))

--- Who that is: ourselves, where we are not root.
stranger.uid = own == 0 and 61234 or own

--- How many threads that user has.
function stranger.threads()
  return tonumber(read_command("grep -sH -e ^Uid: -e ^Threads: " ..
    "/proc/[0-9]*/status | awk -v uid=" .. stranger.uid .. " '" ..
    '$1 ~ /Uid:$/ { mine = $2 == uid } ' ..
    "$1 ~ /Threads:$/ && mine { n += $2 } END { print n + 0 }'"))
end

--- What goes before a command, so that it is that user's. It may read what we
-- may: a checkout can lie in a folder that is root's alone.
stranger.prefix = own ~= 0 and "" or ("setpriv --reuid %d --regid %d "
  .. "--clear-groups --inh-caps +dac_read_search "
  .. "--ambient-caps +dac_read_search"):format(stranger.uid, stranger.uid)

return stranger
