--- Event loops, each as `{ name, spawn(fn, ...), run(), polls }`.
--
-- `spawn` starts a coroutine of the loop. `run` runs the loop until it ends of
-- itself, which it must, and returns the errors that coroutines have raised.
local check = require "spec.support.check"
local socket = require "socket"
local tandem = require "tandem"

local loops = {}

--- What coroutines raise that tandem resumes; those of callbacks as well.
local function note_errors(errors)
  tandem.on_callback_error = function(err) errors[#errors + 1] = err end
end

local function take(errors)
  local list = table.move(errors, 1, #errors, 1, {})
  for i = #errors, 1, -1 do errors[i] = nil end
  return list
end

local function spawn(fn, ...)
  coroutine.wrap(fn)(...)
end

function loops.luv()
  local uv = require "luv"
  require "tandem.luv"
  local errors = {}
  note_errors(errors)
  local function run()
    local hung = uv.new_timer()
    uv.update_time()
    hung:start(check.BOUND * 1000, 0, function()
      error("the loop does not end", 0)
    end)
    hung:unref()
    uv.run()
    hung:close()
    uv.run("nowait")
    return take(errors)
  end
  return { name = "luv", spawn = spawn, run = run }
end

function loops.cqueues()
  local cqueues = require "cqueues"
  require "tandem.cqueues"
  local cq = cqueues.new()
  local function run()
    local errors, deadline = {}, tandem.now() + check.BOUND
    repeat
      local ok, err = cq:loop(deadline - tandem.now())
      if not ok then errors[#errors + 1] = err end
    until ok
    if not cq:empty() then error("the loop does not end", 0) end
    return errors
  end
  return { name = "cqueues", run = run,
           spawn = function(fn, ...) cq:wrap(fn, ...) end }
end

--- The loop that the document of tandem's hosts shows, with timers.
function loops.by_hand()
  local loop = require "tandem.loop"
  local errors, timers, wanted = {}, {}, false
  note_errors(errors)
  local mine = loop.attach {
    hold = function(yes) wanted = yes end,
    after = function(seconds, fn)
      local timer = { at = tandem.now() + seconds, fn = fn }
      timers[timer] = true
      return function() timers[timer] = nil end
    end,
  }
  local source = { getfd = tandem.fileno, dirty = function() return false end }
  local function next_timer()
    local first
    for timer in pairs(timers) do
      if not first or timer.at < first.at then first = timer end
    end
    return first
  end
  local function turn()
    local timer = next_timer()
    local most = timer and math.max(0, timer.at - tandem.now()) or check.BOUND
    if #socket.select({ source }, nil, most) > 0 then
      tandem.poll()
    elseif not timer then
      error("the loop does not end", 0)
    end
    if timer and timer.at <= tandem.now() then
      timers[timer] = nil
      timer.fn()
    end
  end
  local function run()
    while wanted or next(timers) do turn() end
    return take(errors)
  end
  return { name = "a loop by hand", spawn = spawn, run = run,
           close = function() mine:detach() end }
end

return loops
