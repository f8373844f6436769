-- Callbacks: a function of this state that runs when a task is done.
--
--     tandem run scripts/examples/callbacks.lua
--
-- They run one after another, here, inside tandem's blocking calls and
-- tandem.poll; so they may use any local and need no lock.
local tandem = require "tandem"

local pool <close> = tandem.thread_pool(3)

local started = tandem.now()
local total = 0

local function report(name)
  return function(future)
    local seconds = future:result()
    total = total + seconds
    print(("%5.2f s  %-6s slept %.2f s; together %.2f s so far")
          :format(tandem.now() - started, name, seconds, total))
  end
end

pool:submit("tasks.sleep:sleep", 0.30):on_done(report "slow")
pool:submit("tasks.sleep:sleep", 0.10):on_done(report "quick")
pool:submit("tasks.sleep:sleep", 0.20):on_done(report "middle")

-- This is what an event loop does; it may do other work in between.
local left = 3
while left > 0 do left = left - tandem.poll(1) end

print(("%5.2f s  all done: the longest sleep, not the sum")
      :format(tandem.now() - started))
