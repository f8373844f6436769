--- `:save`: the session's runs in a file.
--
-- @module tandem_cli.lab.save
local cjson = require "cjson"

local export = require "tandem_cli.lab.export"
local machine = require "tandem_cli.lab.machine"
local recent = require "tandem_cli.lab.recent"
local trace = require "tandem_cli.lab.trace"

local M = {}

-- Loaded when it is wanted, since it is the larger part of the laboratory.
local function page(runs)
  local document = require "tandem_cli.lab.page.document"
  return document.write(runs, machine.facts())
end

-- The longest ending first.
local FORMATS = {
  { ".trace.json", function(runs) return cjson.encode(trace.of(runs)) end },
  { ".json", function(runs)
    return cjson.encode(export.of(runs, machine.facts()))
  end },
  { ".html", page },
}

local function format_of(path)
  for _, format in ipairs(FORMATS) do
    local ending = format[1]
    if #path > #ending and path:sub(-#ending) == ending then
      return format[2]
    end
  end
end

local function write(path, text)
  local file <close>, problem = io.open(path, "w")
  if not file then return problem end
  local ok, why = file:write(text)
  if ok then ok, why = file:flush() end
  if not ok then return path .. ": " .. why end
end

--- The command.
-- @tparam table session
-- @tparam {string,...} args the file
-- @treturn ?string what was wrong
function M.run(session, args)
  if not args[1] then
    return "save where? For example :save report.html (or .json, .trace.json)"
  end
  local format = format_of(args[1])
  if not format then
    return ("which format is '%s'? The file's name has to end with .html, "
      .. ".json or .trace.json"):format(args[1])
  end
  local _, problem = recent.last(session)
  if problem then return problem end
  local text = format(session.runs)
  problem = write(args[1], text)
  if problem then return problem end
  session.write(("%s: %d bytes\n"):format(args[1], #text))
end

return M
