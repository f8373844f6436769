--- `:tasks` and `:task`.
--
-- @module tandem_cli.task_commands
local catalogue = require "tandem_cli.catalogue"
local choice = require "tandem_cli.choice"
local text = require "tandem_cli.text"

local KINDS = {
  { "io", "IO-bound: they wait" },
  { "cpu", "CPU-bound: they compute" },
  { "mixed", "Both" },
}

local INDENT = 13

-- Narrower than this there are no arguments: they would need lines.
local WIDE = 60

local function said_of(session, entry)
  if session.width < WIDE or entry.usage == "" then return entry.about end
  return ("%s [%s]"):format(entry.about, entry.usage)
end

local function write_entry(session, entry)
  local in_use = entry.name == session.task_name and "*" or " "
  local name = ("%s %-10s "):format(in_use, entry.name)
  session.write(text.paint(session.colour, "cyan", name)
    .. text.wrap(said_of(session, entry), session.width, INDENT) .. "\n")
end

local function tasks(session)
  for _, kind in ipairs(KINDS) do
    session.write(text.paint(session.colour, "bold", kind[2]) .. "\n")
    for _, entry in ipairs(catalogue.list) do
      if entry.kind == kind[1] then write_entry(session, entry) end
    end
  end
  local shown = session.width < WIDE and "" or "; arguments are in brackets"
  session.write(text.wrap(("* is in use%s. :task NAME takes another, and so "
    .. "does :task MODULE:FUNCTION, or :task function(i) return i * i end")
    :format(shown), session.width) .. "\n")
end

local function describe(session)
  local about = session.task_about and ": " .. session.task_about or ""
  session.write(text.wrap(("task %s%s. :run runs it")
    :format(session.task_name, about), session.width, 2) .. "\n")
end

local function task(session, args)
  if args.text == "" then
    describe(session)
    session.write(":tasks shows others, :task NAME takes one\n")
  else
    session:use_task(args.text)
    describe(session)
  end
end

return {
  { name = "tasks", usage = "", most = 0, run = tasks,
    summary = "the tasks to try, that wait or compute",
    help = "Lists the tasks that come with tandem." },
  { name = "task", usage = "NAME [ARG ...]", run = task,
    unfinished = choice.is_unfinished,
    summary = "which task to run, your own too",
    help = [[
NAME is one of :tasks, or "module:function", or a global function, or a
function written out:
    :task primes
    :task math:sqrt i
    :task function(i) return i * i end

The arguments are Lua expressions; i in them is the number of the item, from
1 on, which is also what a function gets where none are given. A function of
yours may use no local from outside.]] },
}
