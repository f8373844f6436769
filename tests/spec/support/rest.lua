--- A pool's statistics when all is done.
local assert = require "luassert"
local check = require "spec.support.check"

local rest = {}

--- All that was submitted is somewhere.
function rest.assert_adds_up(stats)
  assert.equal(stats.submitted, stats.done + stats.failed + stats.cancelled
                                + stats.pending + stats.running)
end

--- Wait until nothing is under way, and all that was submitted came to an end.
-- @return the statistics
function rest.await(pool)
  check.eventually(function()
    local stats = pool:stats()
    return stats.pending == 0 and stats.running == 0 and stats.idle
           == stats.workers
  end, "rest")
  rest.assert_adds_up(pool:stats())
  return pool:stats()
end

return rest
