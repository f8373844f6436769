--- One of many tasks kills the process that it runs in.
--
-- @module demo.isolation
local tandem = require "tandem"

local M = {}

local TASKS, CULPRIT, WORKERS = 100, 37, 4

-- As the kernel does it where memory runs out: nothing is told before.
local function kill_own_worker()
  os.execute("kill -9 $PPID")
end

local function submit_all(pool)
  local futures = {}
  for i = 1, TASKS do
    if i == CULPRIT then
      futures[i] = pool:with { name = "the culprit" }:submit(kill_own_worker)
    else
      futures[i] = pool:submit("tasks.primes:count", i * 1000, i * 1000 + 999)
    end
  end
  return futures
end

local function errors_of(futures)
  local errors = {}
  for i, future in ipairs(futures) do
    local err = future:error()
    if err then
      errors[#errors + 1] = ("Number %d: %s."):format(i, tostring(err))
    end
  end
  return errors
end

local STORY = "%d tasks on %d processes, and one of them kills its own "
  .. "process. %d finish, %d fails; the pool starts a new worker (restarts: "
  .. "%d), and goes on. The error:"

--- Does it.
-- @treturn string what became of all
-- @treturn string the error, as people see it
function M.show()
  local pool <close> = tandem.process_pool(WORKERS)
  local errors = errors_of(submit_all(pool))
  local stats = pool:stats()
  return STORY:format(TASKS, WORKERS, stats.done, #errors, stats.restarts),
    table.concat(errors, " ")
end

return M
