-- check-docs.lua -- every public function is named in README.md or docs/.
--
-- What is public is asked of the module itself while it runs: the fields of
-- `tandem` and the methods of what its constructors give back. Names that
-- begin with `_` are private.

local tandem = require "tandem"

local failures = 0

local function read_all()
  local pipe = assert(io.popen("cat README.md docs/*.md 2>/dev/null"))
  local text = pipe:read("a")
  pipe:close()
  return text
end

local text = read_all()

--- A whole word after one of the marks: `pool:map` is not `pool:mapped`.
local function is_documented(marks, name)
  for _, mark in ipairs(marks) do
    local from = 1
    while true do
      local _, last = text:find(mark .. name, from, true)
      if not last then break end
      if not text:find("^[%w_]", last + 1) then return true end
      from = last
    end
  end
  return false
end

local function is_callable(value)
  return type(value) == "function" or
    type(value) == "table" and (getmetatable(value) or {}).__call ~= nil
end

--- Check the functions of one table; returns how many there were.
local function check(what, methods, marks)
  local count = 0
  for name, value in pairs(methods) do
    if type(name) == "string" and name:sub(1, 1) ~= "_" and is_callable(value)
    then
      count = count + 1
      if not is_documented(marks, name) then
        io.stderr:write("docs: ", marks[1], name, " is documented nowhere\n")
        failures = failures + 1
      end
    end
  end
  if count == 0 then
    io.stderr:write("docs: found no function of ", what, "\n")
    failures = failures + 1
  end
  return count
end

--- The table of methods behind an object, whatever its metatable shows.
local function methods_of(object)
  local index = debug.getmetatable(object).__index
  if type(index) == "table" then return index end
  local methods = debug.getmetatable(object).__methods
  return assert(methods, "neither __index nor __methods is a table")
end

local count = check("the module", tandem, { "tandem." })
do
  local pool <close> = tandem.serial_pool()
  local future = pool:submit("math:sqrt", 4)
  future:result()
  count = count + check("a pool", methods_of(pool), { "pool:" })
  count = count + check("a future", methods_of(future),
    { "future:", "f:" })
  local iterator = pool:map("math:sqrt", { 4 })
  count = count + check("a map", methods_of(iterator), { "map:", ":" })
end

print(("docs: %d public functions, %d not documented"):format(count, failures))
os.exit(failures == 0, true)
