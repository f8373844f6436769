-- A pipeline: threads wait for the network, processes do the sums.
--
--     tandem run scripts/examples/pipeline.lua
--
-- What is fetched goes from worker to worker, and never through this state.
local tandem = require "tandem"

local io_pool <close> = tandem.thread_pool { max_workers = 8, name = "io" }
local cpu_pool <close> = tandem.process_pool { max_workers = 2, name = "cpu" }

local WIDTH = 24

local function thumbnail_of(number)
  return io_pool:submit("tasks.pictures:fetch", number)
                :and_then(cpu_pool, "tasks.pictures:thumbnail", WIDTH)
end

local started, number_of, futures = tandem.now(), {}, {}
for number = 1, 6 do
  local future = thumbnail_of(number)
  number_of[future] = number
  futures[number] = future
end

for future in tandem.as_completed(futures, 10) do
  print(("picture %d, after %.2f s:"):format(number_of[future],
        tandem.now() - started))
  print((future:result()))
end
