-- Results as they come, not in the order of asking.
--
--     tandem run scripts/examples/as_completed.lua
local tandem = require "tandem"

local pool <close> = tandem.thread_pool(4)

-- A table with futures as its keys remembers what each was asked for.
local number_of, futures = {}, {}
for _, number in ipairs {
  999999000001, 1000003, 67280421310721, 600851475143, 97,
} do
  local future = pool:submit("tasks.primes:factors", number)
  number_of[future] = number
  futures[#futures + 1] = future
end

for future in tandem.as_completed(futures, 10) do
  local took = future:info().finished - future:info().started
  print(("%-15d = %-32s %7.1f ms"):format(number_of[future],
        table.concat(future:result(), " * "), took * 1000))
end

-- Waiting for some of them, no longer than one likes.
local naps = {}
for i = 1, 4 do naps[i] = pool:submit("tasks.sleep:sleep", i / 10) end
local done, not_done = tandem.wait(naps, { timeout = 0.25 })
print(("after 0.25 s: %d of the naps are over, %d are not")
      :format(#done, #not_done))
