--- The runs of a piece of work as a table.
--
-- @module tandem_cli.lab.page.runs
local figures = require "tandem_cli.lab.figures"
local markup = require "tandem_cli.lab.page.markup"
local units = require "tandem_cli.lab.units"

local M = {}

local TITLES = { "pool", "wall", "items/s", "speed-up", "CPU", "run p50",
                 "run p99", "queue p50", "queue p90", "failed" }

local function cells_of(run)
  local found = figures.of(run)
  local ran, waited = found.run or {}, found.wait or {}
  return {
    units.workers(run.kind, run.workers), units.seconds(run.wall),
    units.count(found.throughput), units.times(found.speed_up),
    units.percent(found.cpu_share), units.seconds(ran.p50),
    units.seconds(ran.p99), units.seconds(waited.p50),
    units.seconds(waited.p90), ("%d"):format(run.failed or 0),
  }
end

local function row(name, texts)
  local cells = {}
  for i, text in ipairs(texts) do
    cells[i] = markup.element(name, nil, markup.text(text))
  end
  return markup.element("tr", nil, cells)
end

--- Sets it.
-- @tparam {table,...} runs
-- @treturn string
function M.draw(runs)
  local rows = {}
  for i, run in ipairs(runs) do rows[i] = row("td", cells_of(run)) end
  local head = markup.element("thead", nil, row("th", TITLES))
  return markup.element("div", { class = "scroll" },
    markup.element("table", nil, head .. markup.element("tbody", nil, rows)))
end

return M
