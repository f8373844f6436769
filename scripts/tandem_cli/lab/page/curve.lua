--- The curve of a sweep: throughput over the number of workers.
--
-- @module tandem_cli.lab.page.curve
local axis = require "tandem_cli.lab.page.axis"
local choice = require "tandem_cli.lab.choice"
local knee = require "tandem_cli.lab.knee"
local markup = require "tandem_cli.lab.page.markup"
local points_of = require "tandem_cli.lab.points".of
local series = require "tandem_cli.lab.series"
local units = require "tandem_cli.lab.units"

local M = {}

local WIDTH, HEIGHT = 720, 330
local LEFT, RIGHT, TOP, BOTTOM = 64, 20, 40, 48

local KINDS = { "thread", "process", "one_lock" }

-- Sweeps double the width, so that its logarithm makes even steps.
local function x_of(chart, workers)
  local share = math.log(workers / chart.first, 2)
    / math.log(chart.last / chart.first, 2)
  return LEFT + share * (WIDTH - LEFT - RIGHT)
end

local function y_of(chart, throughput)
  return HEIGHT - BOTTOM - throughput / chart.top * (HEIGHT - TOP - BOTTOM)
end

local function curves_of(runs)
  local curves = {}
  for _, kind in ipairs(KINDS) do
    local points = points_of(series.of_kind(runs, kind))
    if #points > 1 then
      curves[#curves + 1] = { kind = kind, points = points }
    end
  end
  return curves
end

local function new_chart(curves)
  local chart = { curves = curves, first = math.huge, last = 0, widths = {} }
  local most = 0
  for _, curve in ipairs(curves) do
    for _, point in ipairs(curve.points) do
      chart.first = math.min(chart.first, point.workers)
      chart.last = math.max(chart.last, point.workers)
      chart.widths[point.workers] = true
      most = math.max(most, point.throughput)
    end
  end
  chart.marks = axis.marks(math.max(most, 1e-9), 4)
  chart.top = chart.marks[#chart.marks]
  return chart
end

local function draw_axes(chart, out)
  for _, mark in ipairs(chart.marks) do
    local y = y_of(chart, mark)
    out[#out + 1] = markup.line(LEFT, y, WIDTH - RIGHT, y, "grid")
    out[#out + 1] = markup.label(LEFT - 8, y + 4, units.count(mark), "end")
  end
  for workers in pairs(chart.widths) do
    local x = x_of(chart, workers)
    out[#out + 1] = markup.line(x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 5,
                                "axis")
    out[#out + 1] = markup.label(x, HEIGHT - BOTTOM + 19, workers, "middle")
  end
  out[#out + 1] = markup.line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT,
                              HEIGHT - BOTTOM, "axis")
  out[#out + 1] = markup.label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8,
                               "workers", "middle quiet")
  out[#out + 1] = markup.label(8, 18, "items/s", "quiet")
end

local function draw_points(chart, curve, out)
  for _, point in ipairs(curve.points) do
    out[#out + 1] = markup.element("circle", {
      cx = x_of(chart, point.workers), cy = y_of(chart, point.throughput),
      r = 4, class = "dot " .. curve.kind,
    }, markup.element("title", nil, markup.text(("%s: %s items/s"):format(
      units.workers(curve.kind, point.workers),
      units.count(point.throughput)))))
  end
end

local function draw_curve(chart, curve, out)
  local places = {}
  for i, point in ipairs(curve.points) do
    places[i] = ("%.1f,%.1f"):format(x_of(chart, point.workers),
                                     y_of(chart, point.throughput))
  end
  out[#out + 1] = markup.element("polyline", {
    points = table.concat(places, " "), class = "curve " .. curve.kind,
  })
  draw_points(chart, curve, out)
end

-- What as many times the workers would do if each did as much as the first
-- ones. The scale of widths bends it.
local function draw_ideal(chart, curve, out)
  local start, places = curve.points[1], {}
  for step = 0, 40 do
    local workers = chart.first * (chart.last / chart.first) ^ (step / 40)
    local rate = start.throughput * workers / start.workers
    if rate > chart.top then break end
    places[#places + 1] = ("%.1f,%.1f"):format(x_of(chart, workers),
                                               y_of(chart, rate))
  end
  out[#out + 1] = markup.element("polyline", {
    points = table.concat(places, " "), class = "ideal",
  })
end

local function draw_knee(chart, curve, out)
  local at, reached = knee.find(curve.points)
  local point = curve.points[at]
  local x, y = x_of(chart, point.workers), y_of(chart, point.throughput)
  local at_end = x > WIDTH - RIGHT - 60
  out[#out + 1] = markup.line(x, y + 8, x, HEIGHT - BOTTOM, "knee")
  out[#out + 1] = markup.label(x + (at_end and -8 or 8),
    HEIGHT - BOTTOM - 10,
    (reached and "knee: " or "knee: beyond ") .. point.workers,
    at_end and "end strong" or "strong")
end

local function draw_legend(chart, out)
  local x = LEFT + 60
  for _, curve in ipairs(chart.curves) do
    local name = units.workers(curve.kind)
    out[#out + 1] = markup.line(x, 14, x + 22, 14, "curve " .. curve.kind)
    out[#out + 1] = markup.label(x + 28, 18, name)
    x = x + 52 + 7 * #name
  end
  out[#out + 1] = markup.line(x, 14, x + 22, 14, "ideal")
  out[#out + 1] = markup.label(x + 28, 18, "in proportion to workers")
end

--- Draws it.
-- @tparam {table,...} runs of the same work
-- @tparam integer cores of the machine
-- @treturn ?string nil where no kind of pool ran at two widths
function M.draw(runs, cores)
  local curves = curves_of(runs)
  if #curves == 0 then return nil end
  local chart, out = new_chart(curves), {}
  draw_axes(chart, out)
  draw_ideal(chart, curves[1], out)
  draw_knee(chart, curves[1], out)
  for _, curve in ipairs(curves) do draw_curve(chart, curve, out) end
  draw_legend(chart, out)
  local points = curves[1].points
  local at, reached = knee.find(points)
  return markup.figure("Throughput by width", WIDTH, HEIGHT, out,
                       choice.sentence(points, at, reached, cores))
end

return M
