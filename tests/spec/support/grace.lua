--- How long a task may take to end that was told to, before it is given up.
--
-- Code that does end does so when it comes to its turn, and on a busy machine
-- that may be late: it has plenty of time. Where it is to be given up the time
-- is short.
local check = require "spec.support.check"
local core = require "tandem.core"

local grace = {}

function grace.short()
  core.debug_grace(0.2)
end

--- What holds at the beginning of each test.
function grace.plenty()
  core.debug_grace(2 * check.BOUND)
end

return grace
