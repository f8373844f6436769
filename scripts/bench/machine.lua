--- The facts without which a figure cannot be compared with another.

local tandem = require "tandem"
local child = require "bench.child"
local lab_machine = require "tandem_cli.lab.machine"

local machine = {}

local BUSY = child.lua_program()
  .. " -e 'local s = 0.0 for i = 1, 2e7 do s = s + i % 7 * 0.5 end'"

local function seconds(programs)
  local start = tandem.now()
  assert(child.output((BUSY .. " & "):rep(programs) .. "wait"))
  return tandem.now() - start
end

--- How many times the work of one program that many at once get done: what
-- the machine itself allows, with no pool at all. The best of several times,
-- since whatever else runs can only make them longer.
local function parallelism(programs)
  local alone, together = math.huge, math.huge
  for _ = 1, 4 do
    alone = math.min(alone, seconds(1))
    together = math.min(together, seconds(programs))
  end
  return programs * alone / together
end

local function python_version(wanted)
  if not wanted then return "CPython left out" end
  if not child.has_python() then return "no python3 on this machine" end
  return child.output("python3 --version 2>&1")
end

function machine.facts(python_wanted)
  local facts = lab_machine.facts()
  local lua = child.output(child.lua_program() .. " -v 2>&1")
  facts.lua = lua and lua:match("^Lua %S+") or facts.lua
  facts.python = python_version(python_wanted)
  facts.parallelism = parallelism(facts.cpus)
  return facts
end

local function smaps(pid)
  local path = ("/proc/%s/smaps_rollup"):format(pid or "self")
  local file <close> = assert(io.open(path, "r"))
  local text = file:read("a")
  return function(field) return tonumber(text:match(field .. ":%s*(%d+)")) end
end

--- Kibibytes that only this process uses, or that of `pid`.
function machine.private_memory(pid)
  local field = smaps(pid)
  return field("Private_Clean") + field("Private_Dirty")
end

--- Kibibytes that a process has in memory, with its part of what is shared.
function machine.proportional_memory(pid)
  return smaps(pid)("Pss")
end

--- The number of this process.
function machine.pid()
  local file <close> = assert(io.open("/proc/self/stat", "r"))
  return file:read("n")
end

return machine
