--- What must be back at its count when a test is over.
local check = require "spec.support.check"
local core = require "tandem.core"
local files = require "spec.support.files"
local low = require "spec.support.low"
local processes = require "spec.support.processes"
local socket = require "socket"
local tandem = require "tandem"

local leaks = {}

-- What is made once a process, at first use, is no leak: make it now.
local function warm_up()
  for _, make in ipairs { tandem.serial_pool, tandem.thread_pool,
                          tandem.process_pool } do
    local pool <close> = make({})
    pool:submit("fixtures.basic:echo"):on_done(function() end):result()
  end
  tandem.fileno()
  tandem.poll(0)
end

local function count()
  collectgarbage()
  collectgarbage()
  local live = core.debug_counts()
  local children, zombies = 0, 0
  -- To look through all processes takes long, and mostly there is none.
  local list = low.has_children() and processes.children() or {}
  for _, child in ipairs(list) do
    if child.state == "Z" then
      zombies = zombies + 1
    else
      children = children + 1
    end
  end
  return {
    pools = live.pools,
    tasks = live.tasks,
    threads = live.threads,
    children = children,
    zombies = zombies,
    ["system threads"] = files.count("/proc/self/task"),
    ["descriptors"] = files.count("/proc/self/fd"),
  }
end

local function difference(baseline, now)
  local names = {}
  for name, n in pairs(now) do
    if n > baseline[name] then
      names[#names + 1] = ("%s: %d, were %d"):format(name, n, baseline[name])
    end
  end
  table.sort(names)
  return names[1] and table.concat(names, "; ")
end

leaks.baseline = count

--- Raise unless everything is back at the baseline within a moment: a worker
-- drops its last reference just after the one who waits has woken up.
function leaks.assert_none(baseline)
  local deadline = tandem.now() + check.BOUND
  local left = difference(baseline, count())
  while left and tandem.now() < deadline do
    socket.sleep(0.005)
    left = difference(baseline, count())
  end
  if left then error("left behind: " .. left, 0) end
end

warm_up()

return leaks
