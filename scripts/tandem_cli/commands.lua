--- The commands of the REPL: lines that start with a colon.
--
-- A command is an entry of `M.list`: its name, its usage and what it does in
-- words, and `call(repl, words)`.
--
-- @module tandem_cli.commands
local M = {}

local HELP = [[
Type Lua. An expression shows its value; an unfinished statement goes on over
the next lines (Ctrl-D drops it). A `local` lasts for its statement only.
  tandem   the library          pool   a pool of threads
Try:
  pool:call("tasks.primes:is_prime", 112272535095293)
  for i, n in pool:map("tasks.primes:factors", {91, 97, 99}) do print(i, #n) end
  pool:call(function(x) return x * x end, 12)   -- no local of outside in it
Commands:]]

local function help()
  io.write(HELP, "\n")
  for _, command in ipairs(M.list) do
    io.write(("  %-9s%s\n"):format(command.usage, command.about))
  end
end

local function quit(repl)
  repl.leaving = true
end

M.list = {
  { name = "help", usage = ":help", about = "this text", call = help },
  { name = "quit", usage = ":quit", about = "leave", call = quit },
}

local function find(name)
  for _, command in ipairs(M.list) do
    if command.name == name then return command end
  end
end

--- Carries out a line that starts with a colon.
-- @param repl what the commands work on
-- @tparam string line
-- @treturn ?string what was wrong
function M.call(repl, line)
  local words = {}
  for word in line:sub(2):gmatch("%S+") do words[#words + 1] = word end
  local command = find(words[1])
  if not command then
    return ("unknown command ':%s'; :help tells what there is")
      :format(words[1] or "")
  end
  command.call(repl, words)
end

return M
