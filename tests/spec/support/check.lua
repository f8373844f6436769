--- Assertions about errors and about things that take a moment.
local assert = require "luassert"
local socket = require "socket"
local tandem = require "tandem"

local check = {}

--- How long anything here may take before it counts as hung: on a machine that
-- is slow and busy much that takes a moment elsewhere takes seconds.
check.BOUND = 40

--- Call `fn(...)`, which must raise; return the error value.
function check.raises(fn, ...)
  local outcome = table.pack(pcall(fn, ...))
  if outcome[1] then
    error("expected an error, got " .. outcome.n - 1 .. " values", 2)
  end
  return outcome[2]
end

--- Call `fn(...)`, which must raise an error object of this kind; return it.
function check.kind(kind, fn, ...)
  local err = check.raises(fn, ...)
  assert.is_true(tandem.is_error(err),
                 "not an error object: " .. tostring(err))
  assert.equal(kind, err.kind, tostring(err))
  return err
end

-- An argument error is a string that says one of `words`: what was wrong.
local function assert_misuse(words, err)
  assert.equal("string", type(err), "not an argument error: " .. tostring(err))
  if type(words) == "string" then words = { words } end
  local said = false
  for _, word in ipairs(words) do said = said or err:find(word, 1, true) end
  assert.is_truthy(said, ("%q does not say %q")
    :format(err, table.concat(words, "' or '")))
  return err
end

--- Call `fn(...)`, which must raise an argument error that says `words`, or
-- one of a list of them. Return the message.
function check.misuse(words, fn, ...)
  return assert_misuse(words, check.raises(fn, ...))
end

-- Lua counts the arguments of a method without the object only where it sees
-- a call `object:name(...)`, so there has to be one for every name.
local call_method = setmetatable({}, {
  __index = function(cache, name)
    local source = ([[
      local object = ...
      local results = table.pack(object:%s(select(2, ...)))
      return table.unpack(results, 1, results.n)
    ]]):format(name)
    local fn = assert(load(source, "=method", "t", { table = table,
                                                     select = select }))
    cache[name] = fn
    return fn
  end,
})

--- The same for `object:name(...)`.
function check.misuse_of(words, object, name, ...)
  return assert_misuse(words, check.raises(call_method[name], object, ...))
end

--- Poll until `condition()` holds, and return what it returned.
function check.eventually(condition, what)
  local deadline = tandem.now() + check.BOUND
  repeat
    local value = condition()
    if value then return value end
    socket.sleep(0.002)
  until tandem.now() > deadline
  error("not within " .. check.BOUND .. " s: " .. what, 2)
end

--- Call `fn(seconds)` with a time in which something has to be done; with more
-- of it, where that was too little. Only the last failure is one. For what
-- would take its whole time each time, which shall not be long as a rule.
function check.patiently(fn)
  for _, seconds in ipairs { 0.2, 2 } do
    if pcall(fn, seconds) then return end
  end
  fn(20)
end

-- Two handles of one future are equal, though not the same.
local function index_of(list, value)
  for i, v in ipairs(list) do
    if v == value then return i end
  end
end

--- Assert that `list` holds exactly the members of `expected`, in any order.
function check.same_members(expected, list)
  local left = { table.unpack(expected) }
  assert.equal(#expected, #list)
  for _, v in ipairs(list) do
    local i = index_of(left, v)
    assert.is_truthy(i, "not expected: " .. tostring(v))
    table.remove(left, i)
  end
end

--- The same float to the last bit, or the same integer; other things equal.
function check.identical(expected, value)
  assert.equal(math.type(expected), math.type(value))
  if math.type(expected) == "float" then
    assert.equal(("<d"):pack(expected), ("<d"):pack(value))
  else
    assert.equal(expected, value)
  end
end

--- Drain an iterator of a map into a list of packed tables.
function check.drain(iterator)
  local rows = {}
  for i, a, b in iterator do rows[#rows + 1] = { i, a, b } end
  return rows
end

return check
