from django.http import JsonResponse
from django.urls import path


def books(_request):
    return JsonResponse({"books": []})


urlpatterns = [path("", books)]
