--- Round figures along an axis.
--
-- @module tandem_cli.lab.page.axis
local M = {}

-- The least of 1, 2, 5, 10 times a power of ten that is not below a step.
local function round_step(step)
  local power = 10 ^ math.floor(math.log(step, 10))
  for _, factor in ipairs { 1, 2, 5 } do
    if factor * power >= step * (1 - 1e-9) then return factor * power end
  end
  return 10 * power
end

--- Marks from 0 to the first that is not below the greatest value.
-- @tparam number greatest above 0
-- @tparam integer count about how many
-- @treturn {number,...}
function M.marks(greatest, count)
  local step, marks = round_step(greatest / count), { 0 }
  repeat
    marks[#marks + 1] = #marks * step
  until marks[#marks] >= greatest * (1 - 1e-9)
  return marks
end

return M
