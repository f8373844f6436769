--- What each worker did, when: a row a worker.
--
-- A task is a pale box; the part of its height that is full is the share of
-- its time in which it computed. Many tasks are drawn as cells instead.
--
-- @module tandem_cli.lab.page.timeline
local axis = require "tandem_cli.lab.page.axis"
local cells = require "tandem_cli.lab.cells"
local markup = require "tandem_cli.lab.page.markup"
local spans = require "tandem_cli.lab.spans"
local units = require "tandem_cli.lab.units"

local M = {}

local WIDTH, LEFT, RIGHT, TOP, BOTTOM = 720, 44, 20, 30, 44

-- What a page shows and a person can tell apart.
local MOST_BOXES, MOST_ROWS, CELLS = 1500, 64, 240

local function x_of(chart, seconds)
  return LEFT + seconds / chart.top * (WIDTH - LEFT - RIGHT)
end

local function tip(span)
  return ("item %d: in the queue %s, ran %s, computed %s"):format(span.index,
    units.seconds(span.began - span.queued), units.seconds(span.run),
    units.seconds(span.cpu))
end

local function draw_span(chart, span, y, out)
  local x = x_of(chart, span.began)
  local width = math.max(0.3, x_of(chart, span.ended) - x)
  -- A hair's breadth tells one task from the next.
  local gap = width > 3 and 0.6 or 0
  local share = span.run > 0 and span.cpu / span.run or 0
  local height = chart.row - 4
  out[#out + 1] = markup.box({ x = x, y = y + 2, width = width - gap,
                               height = height }, "waits", tip(span))
  out[#out + 1] = markup.box({ x = x, y = y + 2 + height * (1 - share),
    width = width - gap, height = height * share }, "computes")
end

-- Neighbours that are alike make one box.
local function draw_cells(chart, list, y, out)
  local row = cells.of(list, chart.wall, CELLS)
  local from = 1
  for i = 1, CELLS do
    if row[i] ~= row[i + 1] then
      local x = x_of(chart, chart.wall * (from - 1) / CELLS)
      if row[i] ~= "idle" then
        local finish = x_of(chart, chart.wall * i / CELLS)
        out[#out + 1] = markup.box({ x = x, y = y + 2, width = finish - x,
          height = chart.row - 4 }, row[i] == "computing" and "computes"
          or row[i] == "waiting" and "waits" or "partly")
      end
      from = i + 1
    end
  end
end

local function draw_row(chart, list, y, out)
  if chart.boxes > MOST_BOXES then return draw_cells(chart, list, y, out) end
  for _, span in ipairs(list) do draw_span(chart, span, y, out) end
end

local function draw_axis(chart, out)
  local bottom = chart.height - BOTTOM
  -- The last mark is where the run is over, or beyond.
  for i = 1, #chart.marks - 1 do
    local mark = chart.marks[i]
    local x = x_of(chart, mark)
    out[#out + 1] = markup.line(x, TOP, x, bottom, "grid")
    out[#out + 1] = markup.label(x, bottom + 17, units.seconds(mark), "middle")
  end
  out[#out + 1] = markup.label(8, 18, "worker", "quiet")
  out[#out + 1] = markup.label((LEFT + WIDTH - RIGHT) / 2, chart.height - 6,
                               "time since the start", "middle quiet")
end

local LEGEND = {
  { "computes", "computes" }, { "waits", "waits, in the task or for a core" },
  { "partly", "partly idle" },
}

local function draw_legend(chart, out)
  local x = LEFT + 60
  for i, entry in ipairs(LEGEND) do
    if i < 3 or chart.boxes > MOST_BOXES then
      out[#out + 1] = markup.box({ x = x, y = 8, width = 14, height = 12 },
                                 entry[1])
      out[#out + 1] = markup.label(x + 20, 18, entry[2])
      x = x + 44 + 6.6 * #entry[2]
    end
  end
end

local function new_chart(run, boxes, rows)
  local row = rows > 16 and 12 or 22
  local marks = axis.marks(math.max(run.wall, 1e-9), 5)
  return {
    wall = run.wall, boxes = boxes, row = row, marks = marks,
    top = math.max(run.wall, 1e-9), height = TOP + rows * row + BOTTOM,
  }
end

local function title(run, hidden)
  local said = "Timeline of " .. units.workers(run.kind, run.workers)
  if hidden <= 0 then return said end
  return ("%s, and %d more workers that are not shown"):format(said, hidden)
end

--- Draws it.
-- @tparam table run in which at least one item ran
-- @treturn string
function M.draw(run)
  local all = spans.of(run)
  local lists, workers = spans.by_worker(all)
  local rows = math.min(#workers, MOST_ROWS)
  local chart, out = new_chart(run, #all, rows), {}
  draw_axis(chart, out)
  for i = 1, rows do
    local y = TOP + (i - 1) * chart.row
    out[#out + 1] = markup.label(LEFT - 8, y + chart.row / 2 + 4, workers[i],
                                 "end")
    draw_row(chart, lists[workers[i]], y, out)
  end
  draw_legend(chart, out)
  return markup.figure(title(run, #workers - rows), WIDTH, chart.height, out)
end

return M
