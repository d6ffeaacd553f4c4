// Where a video is, and where it is to go on.

const $ = (id) => document.getElementById(id);

export class Seeking {
  constructor(play) {
    this.from = 0;
    this.dragged = false;
    $("seek").addEventListener("input", () => {
      this.dragged = true;
      this.tell(Number($("seek").value));
    });
    $("seek").addEventListener("change", () => {
      this.dragged = false;
      this.from = Number($("seek").value);
      play(this.from);
    });
  }

  get loops() {
    return $("loop").checked;
  }

  begin(kind) {
    this.from = 0;
    $("video").hidden = kind !== "video";
  }

  show({ time_s, duration_s }) {
    $("seek").disabled = !duration_s;
    if (typeof time_s !== "number" || this.dragged) return;
    this.from = time_s;
    this.duration = duration_s;
    $("seek").max = duration_s ?? time_s;
    $("seek").value = time_s;
    this.tell(time_s);
  }

  // The next time it begins at the start.
  end() {
    this.from = 0;
  }

  tell(seconds) {
    const text = this.duration ? `${clock(seconds)} of ${clock(this.duration)}` : clock(seconds);
    $("time").textContent = text;
    $("seek").setAttribute("aria-valuetext", text);
  }
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
