// Not a module, so that it runs where the page is opened from the disk and modules do not.
if (location.protocol === "file:") {
  addEventListener("DOMContentLoaded", () => {
    const words = document.getElementById("error");
    if (words) {
      words.textContent = "Browsers do not run this page from the disk. In its folder type python3 -m http.server and open localhost:8000, or put the folder on a web host.";
      words.hidden = false;
    }
    const status = document.getElementById("status");
    if (status) status.textContent = "";
  });
}
