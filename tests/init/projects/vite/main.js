document.title = "A page that runs";
