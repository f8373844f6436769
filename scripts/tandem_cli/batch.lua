--- Many items in one message, for `tandem map --chunk N`.
--
-- @module tandem_cli.batch
local tandem = require "tandem"

local failure = require "tandem_cli.failure"

local M = {}

-- Tasks are run the way every pool runs them, errors told apart as usual.
local serial

local function outcome_of(future)
  if future:status() == "done" then return { value = (future:result()) } end
  return { error = failure.describe((future:error())) }
end

--- The task: calls another task with each item.
-- @tparam string task "module:function"
-- @tparam table items a list
-- @treturn table for each item `{ value = }` or `{ error = }`
function M.run(task, items)
  serial = serial or tandem.serial_pool()
  local outcomes = {}
  for i, item in ipairs(items) do
    outcomes[i] = outcome_of(serial:submit(task, item))
  end
  return outcomes
end

return M
