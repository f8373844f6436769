--- `:help` and `:quit`.
--
-- @module tandem_cli.help
local text = require "tandem_cli.text"

local BEGINNING = [[
  1. See what threads do:  :run
  2. Take another task (:tasks), or fewer workers (:workers 1), and :run it.
  3. Compare: ":pool one_lock 4" is what Python's threads do, ":pool processes
2" isolates crashes, ":pool serial" has no workers. :compare tries them all,
:sweep one number of workers after another.
  4. Write Lua. What an expression returns is shown:
       pool:call("math:sqrt", 97)
       f = pool:submit(function(x)
         return x * x
       end, 12)
       f
       f:result()
  5. Run what you wrote:  :task function(i) return i * i end

A statement that is unfinished goes on over the next line. A local lasts for
its statement only. Ctrl-C drops what you typed, or stops what runs.]]

local LONGEST_USAGE = 22

-- A line that begins with a blank, or behind an empty one, begins anew; any
-- other goes on with the one before.
local function paragraphs(lines)
  local list = {}
  for line in (lines .. "\n"):gmatch("([^\n]*)\n") do
    local before = list[#list] or ""
    if before == "" or line == "" or line:find("^%s") then
      list[#list + 1] = line
    else
      list[#list] = before .. " " .. line
    end
  end
  return list
end

local function write_paragraphs(session, lines)
  for _, line in ipairs(paragraphs(lines)) do
    local margin = line:match("^%s*")
    -- An example is to be typed as it is.
    if #margin < 4 and not line:find("^%s+:") then
      local number = line:match("^%s+%d%. ")
      line = margin .. text.wrap(line, session.width,
                                 number and #number or 2 * #margin, #margin)
    end
    session.write(line .. "\n")
  end
end

-- Below the usage where that is long, or the window is narrow.
local function write_command(session, command)
  local usage = (":" .. command.name .. " " .. command.usage):gsub("%s+$", "")
  local narrow = session.width < 60 or #usage >= LONGEST_USAGE
  local head = text.paint(session.colour, "cyan",
    narrow and usage or ("%-" .. LONGEST_USAGE .. "s"):format(usage))
  local margin = narrow and 4 or LONGEST_USAGE + 2
  session.write("  " .. head .. (narrow and "\n    " or "")
    .. text.wrap(command.summary, session.width, margin) .. "\n")
end

local function overview(session, commands)
  write_paragraphs(session, BEGINNING)
  session.write("\n" .. text.paint(session.colour, "bold", "Commands") .. "\n")
  for _, command in ipairs(commands) do write_command(session, command) end
end

local function write_help(session, command)
  write_command(session, command)
  session.write("\n")
  write_paragraphs(session, command.help)
end

local function help(session, args)
  -- Loaded late: the list of commands has this one in it.
  local commands = require "tandem_cli.commands"
  if not args[1] then return overview(session, commands.list) end
  local command, problem = commands.find(args[1])
  if not command then return problem end
  write_help(session, command)
end

local function quit(session)
  session.leaving = true
end

return {
  { name = "help", usage = "[COMMAND]", most = 1, run = help,
    summary = "this text, or more of a command",
    help = "Tells how to begin, or what a command does: :help run" },
  { name = "quit", usage = "", most = 0, run = quit,
    summary = "leave (also: Ctrl-D)",
    help = "Stops what runs, and leaves." },
}
