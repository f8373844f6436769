--- The commands of the REPL: lines that start with a colon.
--
-- A command is a table: `name`; `usage`, its arguments in words; `most`, how
-- many of them there may be, any number if it is nil; `summary`, a line;
-- `help`, more of it; `run(session, args)`, where `args` is the list of the
-- words behind the name, and `args.text` all of them as they were typed.
-- It returns, or raises, a message where something was wrong; any other error
-- is reported with its traceback. `unfinished(text)`, optional, says whether
-- the command goes on over the next line.
--
-- The commands are listed in the order in which somebody new needs them.
--
-- @module tandem_cli.commands
local nearest = require "tandem_cli.nearest"

local M = { list = {} }

-- What people try who come from other prompts.
local ALIASES = { h = "help", ["?"] = "help", q = "quit", exit = "quit",
                  r = "run" }

local MOST_WORDS = { [0] = "no arguments", "one argument", "two arguments" }

--- Adds commands.
-- @tparam {table,...} commands
function M.register(commands)
  for _, command in ipairs(commands) do M.list[#M.list + 1] = command end
end

M.register(require "tandem_cli.run_command")
M.register(require "tandem_cli.task_commands")
M.register(require "tandem_cli.pool_commands")
M.register(require "tandem_cli.lab.init")
M.register(require "tandem_cli.help")

--- The names of all commands, in their order.
-- @treturn {string,...}
function M.names()
  local names = {}
  for i, command in ipairs(M.list) do names[i] = command.name end
  return names
end

--- Finds a command by its name, with or without its colon.
-- @tparam string name
-- @treturn ?table
-- @treturn ?string a message where there is none
function M.find(name)
  name = name:gsub("^:", "")
  name = ALIASES[name] or name
  for _, command in ipairs(M.list) do
    if command.name == name then return command end
  end
  return nil, ("unknown command ':%s'%s; :help tells what there is")
    :format(name, nearest.hint(name, M.names(), ":"))
end

local function parse(line)
  local name, text = line:match("^:%s*(%S*)%s*(.-)%s*$")
  local args = { text = text }
  for word in text:gmatch("%S+") do args[#args + 1] = word end
  return name, args
end

--- Does the line begin a command that goes on over the next one?
-- @tparam string line
-- @treturn boolean
function M.is_unfinished(line)
  local name, args = parse(line)
  local command = M.find(name)
  return command ~= nil and command.unfinished ~= nil
    and command.unfinished(args.text)
end

--- Carries out a line that starts with a colon.
-- @param session what the commands work on
-- @tparam string line
-- @treturn ?string what was wrong
-- @raise what a command raises
function M.call(session, line)
  local name, args = parse(line)
  local command, problem = M.find(name)
  if not command then return problem end
  if command.most and #args > command.most then
    return ("':%s' takes %s, so what is '%s'? Try :help %s")
      :format(command.name, MOST_WORDS[command.most],
              args[command.most + 1], command.name)
  end
  session:look()
  return command.run(session, args)
end

return M
