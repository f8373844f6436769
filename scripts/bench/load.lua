--- Work of a known length.

local tandem = require "tandem"
local tasks = require "bench.tasks"

local load = {}

--- Iterations of `spin` in a microsecond: the best of several attempts, since
-- whatever else runs can only make it slower.
local function calibrate()
  local best = 0
  for _ = 1, 10 do
    local start = tandem.now()
    tasks.spin(200000)
    best = math.max(best, 200000 / ((tandem.now() - start) * 1e6))
  end
  return best
end

local per_microsecond

--- How many iterations of `tasks.spin` keep a core busy for so long.
function load.iterations(microseconds)
  per_microsecond = per_microsecond or calibrate()
  return math.ceil(per_microsecond * microseconds)
end

return load
