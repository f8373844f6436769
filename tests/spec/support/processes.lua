--- The processes around this one, as /proc shows them.
local check = require "spec.support.check"
local lfs = require "lfs"
local socket = require "socket"
local tandem = require "tandem"

local processes = {}

-- "4711 (name) S 1 4711 ...": a name may hold anything, a bracket as well.
local function read_stat(pid)
  local file <close> = io.open("/proc/" .. pid .. "/stat")
  local line = file and file:read("a")
  if not line then return end
  local number, name, state, parent, group, session =
    line:match("^(%d+) %((.*)%) (%a) (%d+) (%d+) (%d+)")
  return number and {
    pid = math.tointeger(number), name = name, state = state,
    parent = math.tointeger(parent), group = math.tointeger(group),
    session = math.tointeger(session),
  }
end

--- `{ pid, name, state, parent, group, session }` of a process; nil if there is
-- none.
processes.look = read_stat

function processes.own_pid()
  return read_stat("self").pid
end

--- All processes, zombies as well, that `accept(process)` is true for.
function processes.find(accept)
  local list = {}
  for pid in lfs.dir("/proc") do
    local process = pid:match("^%d+$") and read_stat(pid)
    if process and accept(process) then list[#list + 1] = process end
  end
  return list
end

--- The children of a process, which is this one unless told otherwise.
function processes.children(pid)
  pid = pid or processes.own_pid()
  return processes.find(function(process) return process.parent == pid end)
end

--- Does it run? A zombie whose parent is slow to look does not.
function processes.is_alive(pid)
  local process = read_stat(pid)
  return process ~= nil and process.state ~= "Z" and process.state ~= "X"
end

--- Wait until the process is gone, for so many seconds at most.
function processes.wait_gone(pid, seconds)
  local deadline = tandem.now() + (seconds or check.BOUND)
  while processes.is_alive(pid) do
    if tandem.now() > deadline then
      error(("process %d is still there: %s"):format(pid,
        read_stat(pid).name), 2)
    end
    socket.sleep(0.002)
  end
end

--- The zygotes of the pools of this process.
function processes.zygotes()
  local list = {}
  for _, child in ipairs(processes.children()) do
    if child.name:match("%-zyg$") then list[#list + 1] = child end
  end
  return list
end

--- The worker processes of this process that have a zygote.
function processes.workers()
  local list = {}
  for _, zygote in ipairs(processes.zygotes()) do
    for _, worker in ipairs(processes.children(zygote.pid)) do
      list[#list + 1] = worker
    end
  end
  return list
end

--- What /proc/PID/FILE says, without the last NUL or line end; "" if nothing.
function processes.read(pid, file)
  local handle <close> = io.open(("/proc/%s/%s"):format(pid, file), "rb")
  local text = handle and handle:read("a") or ""
  return (text:gsub("[%z\n]+$", ""))
end

--- Those whose command line contains `text`; not this process itself.
function processes.titled(text)
  local own = processes.own_pid()
  return processes.find(function(process)
    return process.pid ~= own and process.state ~= "Z"
      and processes.read(process.pid, "cmdline"):find(text, 1, true) ~= nil
  end)
end

return processes
