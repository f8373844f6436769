--- A session's runs as one page: charts, tables, the facts of the machine.
--
-- The page is complete in itself: no script, no font, nothing from elsewhere.
--
-- @module tandem_cli.lab.page.document
local comparison = require "tandem_cli.lab.page.comparison"
local curve = require "tandem_cli.lab.page.curve"
local explain = require "tandem_cli.lab.explain"
local markup = require "tandem_cli.lab.page.markup"
local runs_table = require "tandem_cli.lab.page.runs"
local series = require "tandem_cli.lab.series"
local style = require "tandem_cli.lab.page.style"
local timeline = require "tandem_cli.lab.page.timeline"
local units = require "tandem_cli.lab.units"

local M = {}

local function paragraph(text, class)
  return markup.element("p", { class = class or "said" }, markup.text(text))
end

local function facts_line(facts)
  local parts = { facts.tandem, facts.lua, facts.cpus .. " cores" }
  parts[#parts + 1] = facts.cpu_model
  parts[#parts + 1] = facts.kernel and "Linux " .. facts.kernel
  parts[#parts + 1] = facts.load and ("load %.1f"):format(facts.load)
  parts[#parts + 1] = facts.date
  return paragraph(table.concat(parts, " · "), "facts")
end

-- One piece of work: the last run of it, and what it is compared with.
local function section(runs, last, facts)
  local same = series.latest(runs, last)
  return table.concat {
    markup.element("h2", nil, markup.text(last.task)),
    paragraph(("%s. %s"):format(units.number(last.n, "item"),
      explain.advice(last, facts.cpus, runs)), "quiet"),
    curve.draw(same, facts.cpus) or "",
    comparison.draw(same, facts.cpus) or "",
    timeline.draw(last), runs_table.draw(same),
  }
end

-- The last run of each piece of work, in the order of time. Runs in which
-- nothing ran have nothing to show.
local function pieces(runs)
  local list = {}
  for i = #runs, 1, -1 do
    local known = next(runs[i].items.ended) == nil
    for _, run in ipairs(list) do
      known = known or series.alike(run, runs[i])
    end
    if not known then table.insert(list, 1, runs[i]) end
  end
  return list
end

local function head()
  return markup.element("head", nil, {
    markup.element("meta", { charset = "utf-8" }),
    markup.element("meta", { name = "viewport",
      content = "width=device-width, initial-scale=1" }),
    -- Without it a browser asks a server for an icon.
    markup.element("link", { rel = "icon", href = "data:," }),
    markup.element("title", nil, "tandem: report"),
    markup.element("style", nil, style),
  })
end

--- Writes the page.
-- @tparam {table,...} runs
-- @tparam table facts of the machine
-- @treturn string
function M.write(runs, facts)
  local body = { markup.element("h1", nil, "tandem: report"),
                 facts_line(facts) }
  for _, last in ipairs(pieces(runs)) do
    body[#body + 1] = section(runs, last, facts)
  end
  return "<!DOCTYPE html>\n" .. markup.element("html", { lang = "en" },
    head() .. markup.element("body", nil, table.concat(body, "\n"))) .. "\n"
end

return M
