--- Several futures at once: wait, as_completed, all, any.
-- @module tandem.futures
-- @local
local check = require "tandem.check"
local core = require "tandem.core"

local futures = {}

local kinds = check.kinds

--- A copy of the list, each item a future.
local function checked(where, list)
  if type(list) ~= "table" then
    check.argument(1, where, "expected a list of futures, got " .. type(list))
  end
  local copy = {}
  for i = 1, #list do
    if not core.is_future(list[i]) then
      check.argument(1, where, ("item %d is no future but a %s"):format(i,
        type(list[i])))
    end
    copy[i] = list[i]
  end
  return copy
end

--- The same, each future once.
local function distinct(where, list)
  local copy, seen = {}, {}
  for _, f in ipairs(checked(where, list)) do
    if not seen[f] then
      seen[f] = true
      copy[#copy + 1] = f
    end
  end
  return copy
end

local WAIT = {
  timeout = kinds.number,
  return_when = check.one_of("all", "first", "first_error"),
}

local function split(list)
  local done, not_done = {}, {}
  for _, f in ipairs(list) do
    local part = f:done() and done or not_done
    part[#part + 1] = f
  end
  return done, not_done
end

--- Waits for futures, of any pools. Never raises a timeout; a cancelled
-- future counts as done.
-- @tparam table list futures
-- @tparam ?table options `timeout` in seconds; `return_when`: "all"
--   (default), "first", "first_error"
-- @treturn table those that are done
-- @treturn table those that are not
function futures.wait(list, options)
  list = distinct("wait", list)
  options = check.options(2, "wait", options, WAIT)
  local deadline = options.timeout and core.now() + options.timeout
  core.wait_list(list, options.return_when, deadline)
  return split(list)
end

local function raise_unfinished(n, total, timeout)
  local err = core.new_error("timeout",
    ("%d (of %d) futures unfinished"):format(n, total))
  err.waited = timeout
  error(err)
end

--- Yields each future once, as they complete; finished ones first.
-- @tparam table list futures
-- @tparam ?number timeout seconds for the whole loop; then kind "timeout" is
--   raised
-- @return an iterator, for a generic `for` with its closing value
function futures.as_completed(list, timeout)
  list = distinct("as_completed", list)
  if timeout ~= nil then
    timeout = check.value(2, "as_completed", "timeout", kinds.number, timeout)
  end
  local deadline = timeout and core.now() + timeout
  local ready, given, open = {}, 0, true
  local function note(f)
    if open then ready[#ready + 1] = f end
  end
  for _, f in ipairs(list) do f:on_done(note) end
  local function next_ready()
    if given == #list then return nil end
    while #ready == given do
      if not core.wait_any(deadline) and #ready == given then
        raise_unfinished(#list - given, #list, timeout)
      end
    end
    given = given + 1
    local f = ready[given]
    ready[given] = false
    return f
  end
  local closer = setmetatable({}, { __close = function() open = false end })
  return next_ready, nil, nil, closer
end

local function settle(promise, ok, field, value)
  core.notes(promise)[field] = value
  core.settle(promise, ok)
end

local function failure_of(f)
  local err, traceback = f:error()
  return { err, traceback }
end

--- A future that settles with others; cancelling it cancels those of them that
-- have not started.
local function group(list, on_one)
  local promise = core.new_promise()
  core.notes(promise).on_cancel = function()
    for _, f in ipairs(list) do f:cancel() end
  end
  core.notes(promise).pool = list
  for i, f in ipairs(list) do
    f:on_done(function()
      if not core.is_settled(promise) then on_one(promise, f, i) end
    end)
  end
  return promise
end

--- A future of all results: a list of packed tables, `{ n = …, … }`, in the
-- order of the list; or the first error.
-- @tparam table list futures
-- @treturn future
function futures.all(list)
  list = checked("all", list)
  local results, left = {}, #list
  local promise = group(list, function(promise, f, i)
    if f:status() ~= "done" then
      settle(promise, false, "failure", failure_of(f))
      return
    end
    results[i] = table.pack(f:result())
    left = left - 1
    if left == 0 then
      settle(promise, true, "results", { n = 1, results })
    end
  end)
  if #list == 0 then settle(promise, true, "results", { n = 1, results }) end
  return promise
end

--- A future of the first success; or, where all fail, of the last error.
-- @tparam table list futures, at least one
-- @treturn future
function futures.any(list)
  list = checked("any", list)
  if #list == 0 then
    check.argument(1, "any", "the list is empty")
  end
  local left = #list
  return group(list, function(promise, f)
    left = left - 1
    if f:status() == "done" then
      settle(promise, true, "results", table.pack(f:result()))
    elseif left == 0 then
      settle(promise, false, "failure", failure_of(f))
    end
  end)
end

return futures
