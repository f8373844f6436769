--- The jobs of the demo.
--
-- A job has a `name`, what it is `about`, the `task` and its `items` (each a
-- list of arguments), and how many `runs` to take the best of (two where not
-- said). `open` gets it ready (nil and a reason where that cannot be), `close`
-- ends that, and `lesson` says what its figures teach.
--
-- @module demo.jobs
local tandem = require "tandem"

local measure = require "demo.measure"
local text_files = require "demo.text_files"

local M = {}

local MB = 1e6

local FULL = {
  files = 2000, bytes = 10 * MB, pages = 64, primes = 1200000, roots = 24000000,
}
local QUICK = {
  files = 400, bytes = 3 * MB, pages = 24, primes = 500000, roots = 8000000,
}

-- Seconds until the local server answers.
local DELAY = 0.02

-- CPU-bound work is cut into this many parts.
local PARTS = 64

local function nothing() end

local function blocks(last)
  local items = {}
  for part = 1, PARTS do
    items[part] = {
      last * (part - 1) // PARTS + 1, last * part // PARTS,
    }
  end
  return items
end

-- "1.95 times as fast on 2 threads."
local function faster(speed_up, width)
  return ("%.2f times as fast on %d thread%s. ")
         :format(speed_up, width, width == 1 and "" or "s")
end

-- Where the figures disappoint, it matters whether the cores were there.
local function shortage(run, cores)
  local widest = run.threads[#run.threads]
  local possible = math.min(widest.width, cores)
  if widest.cores > 0.85 * possible then return "" end
  return (" It got only %.1f cores just now: was the machine busy otherwise?")
         :format(widest.cores)
end

local function cpu_lesson(speed_up, width, cores, run)
  return faster(speed_up, width) .. ("Every thread has a Lua state of "
    .. "its own and there is no global lock, so computing scales with the "
    .. "cores, as it does on processes: %d here, %.1f would be perfect. More "
    .. "workers than cores gain nothing more."):format(cores, cores)
    .. shortage(run, cores)
end

local function cpu_job(name, about, task, last)
  return {
    name = name, about = about, task = task, items = blocks(last),
    open = function() return true end, close = nothing, lesson = cpu_lesson,
  }
end

-- The bytes of text that a run has read, in MB.
local function megabytes(run)
  local bytes = 0
  for _, count in ipairs(run.results) do bytes = bytes + (count.bytes or 0) end
  return bytes / MB
end

-- A file is read for the first time only once. So the loop gets every other
-- file, threads the rest; both see files that nothing here has read before.
local function first_pass(job, width)
  local halves = { {}, {} }
  for i, item in ipairs(job.items) do
    local half = halves[i % 2 + 1]
    half[#half + 1] = item
  end
  local loop = measure.loop(job, halves[1])
  local threads = measure.pool(job, measure.kinds[1], width, halves[2])
  return megabytes(loop) / loop.seconds, megabytes(threads) / threads.seconds
end

local FIRST_PASS = "First pass, each over one half of the files: loop %.0f "
  .. "MB/s, %d threads %.0f MB/s. Again, all of them: loop %.0f MB/s. "
local WAS_CACHED = "The first pass was hardly slower: the files were in the "
  .. "page cache already, or the disk is quick (to empty the cache, as root: "
  .. "sync; echo 3 > /proc/sys/vm/drop_caches)."
local WAS_COLD = "The first pass was slower: it waited for the disk, where "
  .. "threads can wait together; after it the files were in the page cache."
local IN_MEMORY = " Counting text in memory is computing: it scales with the "
  .. "cores, %d here."

local function files_lesson(job)
  return function(speed_up, width, cores, run)
    local again = megabytes(run.loop) / run.loop.seconds
    local cached = job.first_loop > 0.6 * again
    return faster(speed_up, width)
      .. FIRST_PASS:format(job.first_loop, job.first_width, job.first_threads,
                           again)
      .. (cached and WAS_CACHED or WAS_COLD) .. IN_MEMORY:format(cores)
      .. shortage(run, cores)
  end
end

local function files_job(options, size, width)
  local job = {
    name = "files", task = "tasks.files:count", items = {}, close = nothing,
  }
  function job.open()
    local paths, dir = text_files.find(options.dir, size.files, size.bytes)
    if #paths < 2 then
      local problem = "no files to read below " .. dir
      if options.dir then error { demo = problem } end
      return nil, problem
    end
    for i, path in ipairs(paths) do job.items[i] = { path } end
    job.about = ("%d files below %s: lines, words, bytes, Adler-32")
                :format(#paths, dir)
    job.first_width = width
    job.first_loop, job.first_threads = first_pass(job, width)
    return true
  end
  job.lesson = files_lesson(job)
  return job
end

local function pages_lesson(speed_up, width)
  return faster(speed_up, width) .. "A fetch is waiting, and threads wait at "
    .. "the same time: here more threads than cores do pay, until the server "
    .. "or the network is the limit."
end

local function pages_job(size)
  local job = {
    name = "pages", task = "tasks.http:fetch", items = {},
    -- Waiting hardly varies.
    runs = 1,
    lesson = pages_lesson,
    about = ("%d pages of a local server that answers after %.0f ms")
            :format(size.pages, DELAY * 1000),
  }
  function job.open()
    local loaded, http_server = pcall(require, "tasks.http_server")
    if not loaded then return nil, "needs luasocket (apt: lua-socket)" end
    job.pool = tandem.thread_pool(1)
    job.server = http_server.start(job.pool, DELAY)
    for i = 1, size.pages do
      job.items[i] = { job.server.url .. "page/" .. i }
    end
    return true
  end
  function job.close()
    job.server:stop()
    job.pool:shutdown()
  end
  return job
end

--- The jobs, in the order in which they are shown.
-- @tparam table options `quick`, `dir`, `workers`
-- @treturn {table,...}
function M.list(options)
  local size = options.quick and QUICK or FULL
  local widest = options.workers[#options.workers]
  return {
    files_job(options, size, math.min(4, widest)),
    pages_job(size),
    cpu_job("primes", ("primes up to %d, by trial division")
            :format(size.primes), "tasks.primes:count", size.primes),
    cpu_job("roots", ("sum of the square roots up to %d")
            :format(size.roots), "tasks.roots:sum", size.roots),
  }
end

return M
