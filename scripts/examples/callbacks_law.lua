-- The law of callbacks: who runs the next step decides when all is over.
--
--     tandem run scripts/examples/callbacks_law.lua
--
-- Four equal tasks of T seconds on four workers, and after each a step of C
-- seconds. Callbacks run in this state, one after another: T + 4C. What is
-- continued in the worker runs there, all at once: T + C.
local tandem = require "tandem"

local TASKS, T, C = 4, 0.2, 0.1

local pool <close> = tandem.thread_pool(TASKS)

-- Keeps this state busy. (tandem.sleep would let other callbacks run inside.)
local function work(seconds)
  local enough = tandem.now() + seconds
  while tandem.now() < enough do end
end

local function by_callback()
  local future = pool:submit("tasks.sleep:sleep", T)
  return future:on_done(function() work(C) end)
end

-- The task is called with the results of the first, and with C behind them.
local function in_worker()
  return pool:submit("tasks.sleep:sleep", T):and_then("tasks.sleep:after", C)
end

local function show(name, start_one, law)
  local started, futures = tandem.now(), {}
  for i = 1, TASKS do futures[i] = start_one() end
  tandem.wait(futures)
  print(("%-10s %.2f s   by the law: %s"):format(name, tandem.now() - started,
        law))
end

-- The workers shall be there, and know their tasks, before the clock runs.
pool:map("tasks.sleep:sleep", { 0.01, 0.01, 0.01, 0.01 }):collect()

show("on_done", by_callback,
     ("T + %dC = %.2f s"):format(TASKS, T + TASKS * C))
show("and_then", in_worker, ("T + C  = %.2f s"):format(T + C))
