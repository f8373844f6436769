--- Numbers as people read them: three digits and a unit.
--
-- @module tandem_cli.lab.units
local M = {}

M.NONE = "–"

-- Three significant digits, never in the form 1e+02.
local function digits(value)
  local size = math.abs(value)
  if size >= 99.95 then return ("%.0f"):format(value) end
  if size >= 9.995 then return ("%.1f"):format(value) end
  return ("%.2f"):format(value)
end

-- From which value on, the unit's size, its name. A unit starts a little below
-- its size, so that 0.9999 s is not "1000 ms".
local TIMES = {
  { 0.9995, 1, " s" }, { 0.9995e-3, 1e-3, " ms" }, { 0, 1e-6, " µs" },
  zero = " s",
}
local COUNTS = {
  { 0.9995e9, 1e9, "G" }, { 0.9995e6, 1e6, "M" }, { 1e4, 1e3, "k" },
  { 0, 1, "" }, zero = "",
}

-- Below a billionth there are only rounding errors.
local NOTHING = 1e-9

local function with_unit(value, units)
  if math.abs(value) < NOTHING then return "0" .. units.zero end
  for _, unit in ipairs(units) do
    if math.abs(value) >= unit[1] then
      return digits(value / unit[2]) .. unit[3]
    end
  end
end

--- A time: "1.24 s", "12.4 ms", "124 µs".
-- @tparam ?number value seconds; nil gives a dash
-- @treturn string
function M.seconds(value)
  return value and with_unit(value, TIMES) or M.NONE
end

--- A count or a rate: "12.4k".
-- @tparam ?number value
-- @treturn string
function M.count(value)
  return value and with_unit(value, COUNTS) or M.NONE
end

--- A share: "37 %".
-- @tparam ?number value
-- @treturn string
function M.percent(value)
  return value and ("%.0f %%"):format(value * 100) or M.NONE
end

--- A ratio: "1.9×".
-- @tparam ?number value
-- @treturn string
function M.times(value)
  if not value then return M.NONE end
  return (value >= 99.5 and "%.0f×" or "%.1f×"):format(value)
end

local NAMES = {
  thread = { "thread", "threads" },
  process = { "process", "processes" },
  one_lock = { "thread under one lock", "threads under one lock" },
  serial = { "serial", "serial" },
}

--- Workers of a kind: "1 thread", "4 processes"; "serial" has no number.
-- @tparam string kind
-- @tparam ?integer n without it the kind alone, as a plural
-- @treturn string
function M.workers(kind, n)
  local names = NAMES[kind] or { kind, kind }
  if kind == "serial" or not n then return names[2] end
  return ("%d %s"):format(n, n == 1 and names[1] or names[2])
end

return M
