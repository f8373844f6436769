--- The kinds of pool side by side, as bars.
--
-- @module tandem_cli.lab.page.comparison
local axis = require "tandem_cli.lab.page.axis"
local figures = require "tandem_cli.lab.figures"
local lesson = require "tandem_cli.lab.lesson"
local markup = require "tandem_cli.lab.page.markup"
local series = require "tandem_cli.lab.series"
local units = require "tandem_cli.lab.units"

local M = {}

local WIDTH, ROW, TOP = 720, 34, 12
local LEFT, RIGHT, BOTTOM = 200, 70, 44

local KINDS = { "serial", "thread", "one_lock", "process" }

-- The width at which most kinds ran.
local function common_width(runs)
  local counts, best = {}, 1
  for _, run in ipairs(runs) do
    if run.kind ~= "serial" then
      counts[run.workers] = (counts[run.workers] or 0) + 1
    end
  end
  for width, count in pairs(counts) do
    local most = counts[best] or 0
    if count > most or count == most and width > best then best = width end
  end
  return best
end

local function nearest(runs, width)
  local best
  for _, run in ipairs(runs) do
    if not best or math.abs(run.workers - width)
                   < math.abs(best.workers - width) then
      best = run
    end
  end
  return best
end

-- Of each kind the run whose width is nearest to that.
local function chosen(runs)
  local width, list = common_width(runs), {}
  for _, kind in ipairs(KINDS) do
    local run = nearest(series.of_kind(runs, kind), width)
    if run then
      list[#list + 1] = { run = run, value = figures.of(run).throughput }
    end
  end
  return list
end

-- What it teaches can be said where each kind is there.
local function note(bars, cores)
  if #bars < #KINDS then return nil end
  local speed_ups = {}
  for _, bar in ipairs(bars) do
    speed_ups[bar.run.kind] = bar.value / bars[1].value
  end
  local serial = bars[1].run
  return lesson.sentence(speed_ups,
    serial.cpu_share or figures.of(serial).cpu_share, cores)
end

local function x_of(chart, value)
  return LEFT + value / chart.top * (WIDTH - LEFT - RIGHT)
end

local function draw_axis(chart, out)
  local bottom = chart.height - BOTTOM
  for _, mark in ipairs(chart.marks) do
    local x = x_of(chart, mark)
    out[#out + 1] = markup.line(x, TOP, x, bottom, "grid")
    out[#out + 1] = markup.label(x, bottom + 17, units.count(mark), "middle")
  end
  out[#out + 1] = markup.line(LEFT, TOP, LEFT, bottom, "axis")
  out[#out + 1] = markup.label((LEFT + WIDTH - RIGHT) / 2, chart.height - 6,
                               "items/s", "middle quiet")
end

local function draw_bar(chart, bar, place, out)
  local run = bar.run
  local y = TOP + (place - 1) * ROW + 6
  out[#out + 1] = markup.label(LEFT - 10, y + 16,
    units.workers(run.kind, run.workers), "end")
  out[#out + 1] = markup.box({
    x = LEFT, y = y, width = x_of(chart, bar.value) - LEFT, height = ROW - 12,
  }, "fill " .. run.kind, units.seconds(run.wall))
  out[#out + 1] = markup.label(x_of(chart, bar.value) + 8, y + 16,
    units.count(bar.value), "strong")
end

--- Draws it.
-- @tparam {table,...} runs of the same work
-- @tparam integer cores of the machine
-- @treturn ?string nil where there is one kind only
function M.draw(runs, cores)
  local bars = chosen(runs)
  if #bars < 2 then return nil end
  local most = 1e-9
  for _, bar in ipairs(bars) do most = math.max(most, bar.value) end
  local marks = axis.marks(most, 5)
  local chart = { marks = marks, top = marks[#marks],
                  height = TOP + #bars * ROW + BOTTOM }
  local out = {}
  draw_axis(chart, out)
  for place, bar in ipairs(bars) do draw_bar(chart, bar, place, out) end
  return markup.figure("Kinds of pool", WIDTH, chart.height, out,
                       note(bars, cores))
end

return M
